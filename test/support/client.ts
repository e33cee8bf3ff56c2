import { randomUUID } from 'node:crypto';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { mintToken, type Identity } from '../../src/auth';
import type { AppConfig } from '../../src/config';
import type { OrderView } from '../../src/order';
import type { StockSnapshot } from '../../src/reconciliation';
import { until } from './until';

/** Members of a problem document; all are undefined on an answer that is none. */
export interface Problem {
  type?: string;
  title?: string;
  detail?: string;
  code?: string;
  traceId?: string;
  errors?: { path: string; message: string }[];
  opensAt?: string;
}

/** `body` is the JSON of the answer, undefined when it is not JSON. */
export interface Answer<Body> {
  status: number;
  headers: IncomingHttpHeaders;
  body: Body & Problem;
  text: string;
}

/** Who asks: a buyer's id, or an identity with roles; undefined is nobody. */
export type Caller = string | Identity | undefined;
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';

export interface CallOptions {
  as?: Caller;
  body?: unknown;
  /** Instead of `body`: the text as it is sent. */
  raw?: string;
  headers?: Record<string, string>;
}

export interface PurchaseOptions {
  quantity?: number;
  key?: string;
  headers?: Record<string, string>;
}

export interface PaymentAnswer {
  paymentId: string;
  checkoutUrl: string;
  amount: { amount: number; currency: string };
  status: string;
}

export type WebhookType = 'payment.succeeded' | 'payment.failed' | 'refund.succeeded';

/** Less than the 65 s of a server: whoever sends when it closes would learn nothing of his request. */
const idleMs = 30_000;
const comeBackAfterMs = 250;
const comeBackForMs = 20_000;

export const admin: Identity = { userId: 'operator', roles: ['admin'] };

/**
 * A client of one server over real HTTP. Every answer resolves, whatever its status; a call rejects
 * when the connection breaks, or when there is no answer within `patienceMs`, if that is given.
 * `localAddress`: the address of this machine that it comes from, such as 127.0.0.7.
 */
export class TestClient {
  private readonly agent: Agent;
  private readonly tokens = new Map<string, string>();

  constructor(
    private readonly url: string,
    private readonly config: AppConfig,
    private readonly patienceMs?: number,
    localAddress?: string,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: 128, timeout: idleMs, localAddress });
  }

  async call<Body = Record<string, unknown>>(method: Method, path: string,
    { as, body, raw, headers = {} }: CallOptions = {}): Promise<Answer<Body>> {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const signal = this.patienceMs === undefined ? undefined : AbortSignal.timeout(this.patienceMs);
    const outgoing = request(this.url + path, { method, agent: this.agent, signal, headers: {
      ...(payload !== undefined && { 'content-type': 'application/json',
        'content-length': Buffer.byteLength(payload) }),
      ...(as !== undefined && { authorization: `Bearer ${this.tokenOf(as)}` }),
      ...headers,
    } });
    return new Promise((resolve, reject) => {
      outgoing.on('error', (error) => {
        error.message = `${method} ${path}: ${error.message}`;
        reject(error);
      });
      outgoing.on('response', (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => { chunks.push(chunk); });
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = /json/.test(incoming.headers['content-type'] ?? '') && text !== '';
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text,
            body: (isJson ? JSON.parse(text) : undefined) as Body & Problem });
        });
      });
      outgoing.end(payload);
    });
  }

  /** The token of a caller, made once. */
  tokenOf(caller: string | Identity): string {
    const identity = typeof caller === 'string' ? { userId: caller, roles: [] } : caller;
    const name = JSON.stringify(identity);
    const token = this.tokens.get(name) ?? mintToken(this.config, identity);
    this.tokens.set(name, token);
    return token;
  }

  /** A sale of 10 units, one a buyer, open now, with changes. Resolves to its id. */
  async draftSale(changes: object = {}): Promise<string> {
    const product = await this.call<{ id: string }>('POST', '/admin/v1/products',
      { as: admin, body: { name: 'Pen' } });
    if (product.status !== 201) throw new Error(`No product was made: ${product.text}`);
    const at = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString();
    const sale = await this.call<{ id: string }>('POST', '/admin/v1/sales', { as: admin, body: {
      productId: product.body.id, stock: 10, price: { amount: 9900, currency: 'CNY' },
      limitPerUser: 1, opensAt: at(-1_000), closesAt: at(3_600_000), ...changes } });
    if (sale.status !== 201) throw new Error(`No sale was made: ${sale.text}`);
    return sale.body.id;
  }

  /** The same, loaded: it can be bought from when its time has come. */
  async openSale(changes: object = {}): Promise<string> {
    const saleId = await this.draftSale(changes);
    const loaded = await inTheEnd(() => this.operate(saleId, 'preload'));
    if (loaded.status !== 200) throw new Error(`The sale was not loaded: ${loaded.text}`);
    return saleId;
  }

  /** An operator's decision about a sale. */
  operate(saleId: string, operation: 'preload' | 'pause' | 'resume' | 'close') {
    return this.call('POST', `/admin/v1/sales/${saleId}/${operation}`, { as: admin });
  }

  adjust(saleId: string, delta: number, key: string = randomUUID(), reason = 'Delivery') {
    return this.call<{ saleId: string; delta: number }>('POST',
      `/admin/v1/sales/${saleId}/stock-adjustments`,
      { as: admin, body: { delta, reason }, headers: { 'idempotency-key': key } });
  }

  /** Asks again while another run is under way: the product has one of its own now and then. */
  reconcile(saleId: string) {
    return until('no other reconciliation is under way', async () => {
      const answer = await this.askToReconcile(saleId);
      return answer.status !== 503 && answer;
    }, 60_000);
  }

  askToReconcile(saleId: string) {
    return this.call<{ items: { moving: boolean; rebuilt: boolean }[] }>('POST',
      '/admin/v1/reconciliations', { as: admin, body: { saleId } });
  }

  buy(saleId: string, userId: string,
    { quantity = 1, key = randomUUID(), headers = {} }: PurchaseOptions = {}) {
    return this.call<OrderView>('POST', `/v1/sales/${saleId}/orders`,
      { as: userId, body: { quantity }, headers: { 'idempotency-key': key, ...headers } });
  }

  /** Buys as somebody does who comes back with the same key when he is told to. */
  buyInTheEnd(saleId: string, userId: string, options: PurchaseOptions = {}) {
    const purchase = { key: randomUUID(), ...options };
    return inTheEnd(() => this.buy(saleId, userId, purchase));
  }

  /** Buys and waits for the row; throws when there is no purchase. Resolves to the order. */
  async order(saleId: string, userId: string, options: PurchaseOptions = {}): Promise<OrderView> {
    const purchase = { key: randomUUID(), ...options,
      headers: { prefer: 'wait=10', ...options.headers } };
    let answer = await this.buyInTheEnd(saleId, userId, purchase);
    // A busy machine may take longer than a buyer may wait.
    if (answer.status === 202) answer = await this.buyInTheEnd(saleId, userId, purchase);
    if (answer.status > 201) throw new Error(`No order was placed: ${answer.text}`);
    return answer.body;
  }

  find(orderId: string, as: Caller) {
    return this.call<OrderView>('GET', `/v1/orders/${orderId}`, { as });
  }

  /** The order as soon as it has this status. */
  inStatus(orderId: string, as: Caller, status: OrderView['status']): Promise<OrderView> {
    return until(`order ${orderId} is ${status}`, async () => {
      const { body } = await this.find(orderId, as);
      return body.status === status && body;
    });
  }

  cancel(orderId: string, as: Caller) {
    return this.call<OrderView>('POST', `/v1/orders/${orderId}/cancel`, { as });
  }

  /** Cancels as somebody does who comes back when he is told to. */
  cancelInTheEnd(orderId: string, as: Caller) {
    return inTheEnd(() => this.cancel(orderId, as));
  }

  startPayment(orderId: string, as: Caller) {
    return this.call<PaymentAnswer>('POST', `/v1/orders/${orderId}/payment`, { as });
  }

  /** A signed report of the payment provider; the same id is the same delivery again. */
  report(type: WebhookType, data: object, id = `msg_${randomUUID()}`) {
    const raw = JSON.stringify({ type, data });
    return this.call<{ duplicate: boolean }>('POST', '/v1/webhooks/payments',
      { raw, headers: this.signature(raw, id) });
  }

  /** The headers of a webhook with this body; `at` is when it claims to be sent. */
  signature(raw: string, id = `msg_${randomUUID()}`, at = new Date()): Record<string, string> {
    return { 'webhook-id': id, 'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(this.config.paymentWebhookSecret).sign(id, at, raw) };
  }

  /** Starts the payment and lets the provider report that it succeeded. */
  async pay(orderId: string, userId: string): Promise<PaymentAnswer> {
    const { body } = await inTheEnd(() => this.startPayment(orderId, userId));
    const id = `msg_${randomUUID()}`;
    const { status, text } = await inTheEnd(() => this.report('payment.succeeded',
      { orderId, paymentId: body.paymentId, ...body.amount }, id));
    if (status !== 200) throw new Error(`The payment was not taken: ${text}`);
    return body;
  }

  async stock(saleId: string): Promise<StockSnapshot> {
    const { body } = await this.call<StockSnapshot>('GET', `/admin/v1/sales/${saleId}/stock`,
      { as: admin });
    return body;
  }

  /** The stock once nothing of the sale is on its way any more. */
  atRest(saleId: string): Promise<StockSnapshot> {
    return until(`sale ${saleId} is at rest`, async () => {
      const stock = await this.stock(saleId);
      const isThere = stock.loaded || stock.gate === 'database';
      return isThere && stock.inFlight === 0 && stock.drift === 0 && stock.consistent && stock;
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

/**
 * Asks until the answer is another one than 503, as whoever is told to come back does, and has the
 * last answer after some time: on a busy machine a server may not answer the product in time.
 */
async function inTheEnd<Body>(ask: () => Promise<Answer<Body>>): Promise<Answer<Body>> {
  const deadline = performance.now() + comeBackForMs;
  let answer = await ask();
  while (answer.status === 503 && performance.now() < deadline) {
    await sleep(comeBackAfterMs);
    answer = await ask();
  }
  return answer;
}

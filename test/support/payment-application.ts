import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { mintToken, type Role } from '../../src/auth';
import { createApplication } from '../../src/create-application';
import { Database } from '../../src/infra/database';
import { freePort } from './free-port';
import { saleBody } from './sale-application';
import { testConfig, withDatabase } from './stack';

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** What a provider sends about a payment; every field can be wrong. */
export interface WebhookData {
  orderId: string;
  paymentId: string;
  amount: number;
  currency: string;
}

/** The whole product, listening, with the sandbox's page; sales, orders and webhooks at hand. */
export async function startPaymentApplication(overrides: Record<string, string> = {}) {
  const database = await withDatabase();
  const port = await freePort();
  const config = testConfig({ DATABASE_URL: database.databaseUrl, PORT: String(port), DEMO: 'true',
    ...overrides });
  const application = await createApplication(config);
  await application.listen(port, config.host);
  const webhook = new Webhook(config.paymentWebhookSecret);
  const tables = application.get(Database);

  async function send(method: string, path: string, init: RequestInit = {}): Promise<Answer> {
    const answer = await fetch(`${config.publicUrl}${path}`, { method, ...init });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') ?? false;
    return { status: answer.status, headers: answer.headers,
      body: (isJson ? JSON.parse(text) : { text }) as Record<string, unknown> };
  }

  function call(user: string, method: 'GET' | 'POST', path: string, payload?: object,
    headers: Record<string, string> = {}, roles: Role[] = []): Promise<Answer> {
    const token = mintToken(config, { userId: user, roles });
    return send(method, path, {
      headers: { authorization: `Bearer ${token}`, ...headers,
        ...(payload && { 'content-type': 'application/json' }) },
      ...(payload && { body: JSON.stringify(payload) }),
    });
  }

  async function openSale(stock: number, changes: object = {}): Promise<string> {
    const asAdmin = (path: string, payload?: object) =>
      call('operator', 'POST', path, payload, {}, ['admin']);
    const product = await asAdmin('/admin/v1/products', { name: 'Pen' });
    const sale = await asAdmin('/admin/v1/sales',
      saleBody(product.body['id'], { stock, ...changes }));
    const saleId = String(sale.body['id']);
    await asAdmin(`/admin/v1/sales/${saleId}/preload`);
    return saleId;
  }

  return {
    application, config, tables, send, call, openSale,

    /** An order of one unit, its row committed. */
    async buy(user: string, saleId: string): Promise<string> {
      const { status, body } = await call(user, 'POST', `/v1/sales/${saleId}/orders`,
        { quantity: 1 }, { 'idempotency-key': randomUUID(), 'prefer': 'wait=10' });
      if (status !== 201) throw new Error(`The purchase answered ${status} ${String(body['code'])}`);
      return String(body['id']);
    },

    async startPayment(user: string, orderId: string): Promise<WebhookData> {
      const { status, body } = await call(user, 'POST', `/v1/orders/${orderId}/payment`);
      if (status !== 201) throw new Error(`The payment answered ${status} ${String(body['code'])}`);
      const money = body['amount'] as { amount: number; currency: string };
      return { orderId, paymentId: String(body['paymentId']), ...money };
    },

    /** Delivers a webhook as a provider does; `signedAt` and `signedBody` make it a wrong one. */
    deliver(type: string, data: object, { id = randomUUID(), signedAt = new Date(),
      signedBody }: { id?: string; signedAt?: Date; signedBody?: string } = {}): Promise<Answer> {
      const body = JSON.stringify({ type, data });
      return send('POST', '/v1/webhooks/payments', { body, headers: {
        'content-type': 'application/json', 'webhook-id': id,
        'webhook-timestamp': String(Math.floor(signedAt.getTime() / 1_000)),
        'webhook-signature': webhook.sign(id, signedAt, signedBody ?? body) } });
    },

    /** Lets the time to pay be over now; whoever looks next ends the order. */
    async letExpire(orderId: string): Promise<void> {
      await tables.execute(
        'UPDATE orders SET expires_at = NOW(3) - INTERVAL 1 SECOND WHERE rid = ?', [orderId]);
    },

    async statusOf(orderId: string): Promise<string | undefined> {
      const [row] = await tables.query<{ status: string }>(
        'SELECT status FROM orders WHERE rid = ?', [orderId]);
      return row?.status;
    },

    async payment(orderId: string) {
      const [row] = await tables.query<{ id: string; status: string; reason: string | null;
        replacement_rid: string | null }>('SELECT * FROM payments WHERE order_rid = ?', [orderId]);
      return row;
    },

    /** Makes every payment due for the schedule. */
    async makeDue(): Promise<void> {
      await tables.execute(
        'UPDATE payments SET next_check_at = NOW(3) WHERE next_check_at IS NOT NULL');
    },

    async auditOf(paymentId: string): Promise<string[]> {
      const rows = await tables.query<{ action: string }>(
        'SELECT action FROM audit_log WHERE subject_id = ? ORDER BY at, action', [paymentId]);
      return rows.map(({ action }) => action);
    },

    /** What the provider has sent back, in minor units; undefined where it knows no payment. */
    async refundedAmount(paymentId: string): Promise<number | undefined> {
      const [row] = await tables.query<{ amount: number }>(
        'SELECT refunded_amount AS amount FROM sandbox_payments WHERE id = ?', [paymentId]);
      return row?.amount;
    },

    async stop(): Promise<void> {
      await application.close();
      await database.drop();
    },
  };
}

export type PaymentApplication = Awaited<ReturnType<typeof startPaymentApplication>>;

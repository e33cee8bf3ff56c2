import { SaleCatalog } from '../../../../src/sale';
import { Lots, shed } from '../../../../src/throttle';
import { createInstallation, TestProduct, type Installation } from '../../../support/product';
import { admin, type Answer, type Caller } from '../../../support/client';
import { makePatient } from '../../../support/patient';
import { mint } from '../../../support/proofs';
import { until } from '../../../support/until';

type Place = 'near' | 'far';

/** A request to buy. What is not said is as it should be. */
export interface Try {
  /** Without it: somebody who has done nothing yet; null: nobody who says his name. */
  as?: Caller | null;
  at?: Place;
  raw?: string;
  /** undefined: none is sent. */
  key?: string | undefined;
  headers?: Record<string, string>;
}

const limits = { user: 2, windowSeconds: 600 };
const guarded = { saleToken: true, captcha: 'always', risk: 'on' };

/**
 * Two processes of one product with a sale in each state and a buyer for each layer. `near` knows
 * in memory who is blocked, `far` has never seen them. Every layer is on.
 */
export class FunnelSite {
  /** By whose fault it is that they do not get it. Two have asked `near` too often. */
  readonly buyers = { shed: '', banned: '', blocked: 'blocked', careless: 'careless',
    holder: 'holder',
    risky: { userId: 'risky', roles: [], registeredAt: Math.floor(Date.now() / 1_000) } };
  private strangers = 0;

  private constructor(
    private readonly installation: Installation,
    readonly near: TestProduct,
    readonly far: TestProduct,
    readonly sales: Record<'future' | 'rush' | 'soldOut' | 'paused' | 'closed' | 'plain', string>,
  ) {}

  static async start(): Promise<FunnelSite> {
    const installation = await createInstallation();
    const environment = { HOLDS_PER_USER: '1',
      THROTTLE_USER: `${limits.user}/${limits.windowSeconds}` };
    const near = await TestProduct.start(environment, installation);
    const far = await TestProduct.start({ ...environment, ROLES: 'api' }, installation);
    for (const product of [near, far]) makePatient(product);
    const { client } = near;
    const shedding = { share: 0.99, retryAfterSeconds: 60, forSeconds: 3_600 };
    const site = new FunnelSite(installation, near, far, {
      future: await client.openSale({ protection: guarded,
        opensAt: new Date(Date.now() + 3_600_000).toISOString() }),
      rush: await client.openSale({ protection: { ...guarded, shedding } }),
      soldOut: await client.openSale({ stock: 1, protection: guarded }),
      paused: await client.openSale({ protection: guarded }),
      closed: await client.openSale({ protection: guarded }),
      plain: await client.openSale({ stock: 100 }),
    });
    await site.prepare();
    return site;
  }

  /** Sends a request to buy. */
  buy(saleId: string, { as = `stranger-${this.strangers += 1}`, at = 'near', headers = {},
    raw = '{"quantity":1}', ...rest }: Try = {}): Promise<Answer<{ id: string }>> {
    const key = 'key' in rest ? rest.key : `key-${this.strangers += 1}`;
    return this[at].client.call('POST', `/v1/sales/${saleId}/orders`, { raw,
      ...(as !== null && { as }),
      headers: { ...(key !== undefined && { 'idempotency-key': key }), ...headers } });
  }

  /** Both proofs of a user, or one of them. */
  async proofs(saleId: string, userId: string,
    only?: 'sale token'): Promise<Record<string, string>> {
    const binding = { userId, saleId };
    return { 'x-sale-token': await mint(this.near, 'sale token', binding, 600_000),
      ...(only === undefined
        && { 'x-captcha-token': await mint(this.near, 'captcha token', binding, 600_000) }) };
  }

  /** How often each way out was counted by a process so far, by the metric. */
  async outcomes(place: Place): Promise<Record<string, number>> {
    const { text } = await this[place].client.call('GET', '/metrics');
    const lines = text.matchAll(/^purchase_requests_total\{outcome="(\w+)"\} (\d+)/gm);
    return Object.fromEntries([...lines].map(([, outcome = '', count]) =>
      [outcome, Number(count)]));
  }

  /** How often requests of a sale were refused so far, by problem code, over both processes. */
  async refusals(saleId: string): Promise<Record<string, number>> {
    const path = `/admin/v1/sales/${saleId}/report`;
    await this.far.client.call('GET', path, { as: admin }); // adds up what it has counted
    const { body } = await this.near.client.call<{ refusals: Record<string, number> }>('GET', path,
      { as: admin });
    return body.refusals;
  }

  async stop(): Promise<void> {
    await Promise.all([this.near.stop(), this.far.stop()]);
    await this.installation.drop();
  }

  /** Buyers on whom every lot of the next quarter of an hour falls: no test meets another fate. */
  private unlucky(): string[] {
    const sale = this.near.get(SaleCatalog).peek(this.sales.rush);
    if (!sale) throw new Error('The rush is not known');
    const lots = this.near.get(Lots);
    const draws = Array.from({ length: 16 }, (_, window) => sale.opensAtMs + window * 60_000);
    return Array.from({ length: 60 }, (_, index) => `drawn-${index}`).filter((userId) =>
      draws.every((atMs) => shed({ userId, sale }, atMs, lots) !== undefined));
  }

  private async prepare(): Promise<void> {
    const { client } = this.near;
    const { soldOut, paused, closed, plain } = this.sales;
    // A process that has not heard of a sale cannot refuse by it at once.
    const catalogs = [this.near, this.far].map((place) => place.get(SaleCatalog));
    await until('both know every sale', async () => Object.values(this.sales).every((id) =>
      catalogs.every((catalog) => catalog.peek(id) !== undefined)), 60_000);
    const [unlucky = '', banned = ''] = this.unlucky();
    Object.assign(this.buyers, { shed: unlucky, banned });
    for (const as of [unlucky, banned, this.buyers.blocked, this.buyers.careless]) {
      for (let i = 0; i <= limits.user; i += 1) await this.buy(plain, { as });
    }
    await client.call('PUT', `/admin/v1/blacklist/user/${banned}`,
      { as: admin, body: { reason: 'test' } });
    await this.buy(plain, { as: this.buyers.holder });
    await this.buy(soldOut, { as: 'first', headers: await this.proofs(soldOut, 'first') });
    await client.operate(paused, 'pause');
    await client.operate(closed, 'close');
    await client.call('PUT', '/admin/v1/risk/rules', { as: admin, body: {
      rules: [{ id: 'new-account', description: 'It was made a moment ago.', score: 1, mode: 'on',
        when: { all: [{ signal: 'accountAgeSeconds', op: '<', value: 86_400 }] } }],
      refuseAbove: 0.7, captchaAbove: 0.4, captchaAfterAttemptsPerMinute: 10 } });
  }
}

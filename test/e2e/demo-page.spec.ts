import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AppConfig } from '../../src/config';
import { createApplication } from '../../src/create-application';
import { Database } from '../../src/infra/database';
import { problems } from '../../src/kernel';
import { SaleLife } from '../../src/sale';
import { testConfig, withDatabase } from '../support/stack';
import { until } from '../support/until';

interface ListedSale {
  id: string;
  product: { name: string };
  price: { amount: number; currency: string };
  state: string;
  /** Not told while Redis takes its time. */
  available?: number;
}

describe('the demo', () => {
  let database: Awaited<ReturnType<typeof withDatabase>>;
  let config: AppConfig;
  const running: NestFastifyApplication[] = [];

  beforeEach(async () => {
    database = await withDatabase();
    config = testConfig({ DATABASE_URL: database.databaseUrl, DEMO: 'true' });
  });

  afterEach(async () => {
    for (const application of running.splice(0)) await application.close();
    await database.drop();
  });

  async function start(): Promise<NestFastifyApplication> {
    const application = await createApplication(config);
    running.push(application);
    await application.init();
    return application;
  }

  async function salesIn(application: NestFastifyApplication): Promise<ListedSale[]> {
    const answer = await application.inject({ url: '/v1/sales' });
    return answer.json<{ items: ListedSale[] }>().items;
  }

  const salesWithNumbers = (application: NestFastifyApplication) =>
    until('numbers are told', async () => {
      const sales = await salesIn(application);
      // A process that has not heard of any yet lists none.
      return sales.length > 0 && sales.every(({ available }) => available !== undefined) && sales;
    });

  it('puts one sale on where there is none, however many processes start at once', async () => {
    const [application] = await Promise.all([start(), start(), start()]);
    await start();
    expect(await salesWithNumbers(application)).toEqual([expect.objectContaining({
      product: expect.objectContaining({ name: 'Demo phone' }) as object,
      price: { amount: 9900, currency: 'CNY' }, limitPerUser: 2, state: 'open', available: 100,
    })]);
  });

  it('adds no sale to an installation that has one', async () => {
    const application = await start();
    const [sale] = await salesIn(application);
    await application.get(SaleLife).close(sale?.id ?? '',
      { actor: 'olga', ip: '', traceId: '0'.repeat(32) });
    expect(await salesIn(await start())).toEqual([expect.objectContaining({ state: 'closed' })]);
  });

  /** A draft of this actor, which nobody has put on. */
  async function draft(actor: string): Promise<void> {
    const life = (await start()).get(SaleLife);
    const by = { actor, ip: '', traceId: '0'.repeat(32) };
    const { id: productId } = await life.createProduct({ name: 'Half-made' }, by);
    await life.createSale({ productId, stock: 3, price: { amount: 1, currency: 'CNY' },
      limitPerUser: 1, opensAtMs: Date.now() - 1_000, closesAtMs: Date.now() + 3_600_000,
      payWindowSeconds: 60, protection: {}, strategy: 'lua',
      redisOutage: 'pause', segments: 1 }, by);
  }

  it('leaves the draft of an operator alone, whatever he is called', async () => {
    config = { ...config, demo: false };
    await draft('demo');
    config = { ...config, demo: true };
    expect(await salesIn(await start())).toEqual([]);
    const [row] = await (await start()).get(Database).query('SELECT status FROM sales');
    expect(row).toEqual({ status: 'draft' });
  });

  it('puts on at the next start what a start that died had only created', async () => {
    config = { ...config, demo: false };
    await draft('demo seed');
    config = { ...config, demo: true };
    expect(await salesWithNumbers(await start())).toEqual([expect.objectContaining({
      product: expect.objectContaining({ name: 'Half-made' }) as object,
      state: 'open', available: 3,
    })]);
  });

  it('serves a shop that loads its worker alone and talks to its own server alone', async () => {
    const answer = await (await start()).inject({ url: '/demo' });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = answer.headers['content-security-policy'];
    expect(policy).toMatch(/^default-src 'none';.* connect-src 'self';.* worker-src 'self';/);
    expect(policy).toMatch(/; style-src 'sha256-\S+'; script-src 'sha256-\S+'$/);
    expect(answer.payload).not.toMatch(/https?:|src=|@import|url\(|\{\{/);
    expect(answer.payload.match(/href="[^"]*"/g)).toEqual(['href="data:,"']);
    expect(answer.payload.match(/new Worker\('[^']*'/g))
      .toEqual(["new Worker('/demo/work/work.js'"]);
  });

  it('has words of its own for every refusal of a purchase', async () => {
    const application = await start();
    const page = (await application.inject({ url: '/demo' })).payload;
    const document = (await application.inject({ url: '/openapi.json' })).json<{
      paths: Record<string, { post: { responses: Record<string, object> } }>;
    }>();
    const { responses } = document.paths['/v1/sales/{saleId}/orders']?.post ?? { responses: {} };
    const refusals = JSON.stringify([403, 409, 422, 429, 503].map((status) => responses[status]));
    const codes = Object.keys(problems).filter((code) => refusals.includes(code));
    expect(codes).toEqual(expect.arrayContaining(
      ['BLACKLISTED', 'CAPTCHA_REQUIRED', 'RATE_LIMITED', 'SOLD_OUT', 'SALE_PAUSED']));
    expect(codes.filter((code) => !page.includes(`  ${code}: '`))).toEqual([]);
  });

  it('does not exist without DEMO', async () => {
    config = { ...config, demo: false };
    const application = await start();
    expect((await application.inject({ url: '/demo' })).statusCode).toBe(404);
    expect(await salesIn(application)).toEqual([]);
  });
});

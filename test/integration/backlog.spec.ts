import { setTimeout as sleep } from 'node:timers/promises';
import { OrderStore } from '../../src/order';
import { StockOutbox, StockRedis } from '../../src/stock';
import { expectBooksToBalance } from '../support/books';
import { createInstallation, TestProduct, type Installation } from '../support/product';
import { until } from '../support/until';

/** So that nobody tries more than ten times a minute, which would be met by a captcha. */
const pauseMs = 7_000;

// Every buyer is waited for.
jest.setTimeout(300_000);

/** As while the database is away: nobody writes orders until a worker is there. */
describe('orders that are written late', () => {
  const backlog = 5;
  let installation: Installation;
  let product: TestProduct;

  beforeAll(async () => {
    installation = await createInstallation();
    product = await TestProduct.start({ ROLES: 'api', BACKLOG_PER_SALE: String(backlog),
      RISK: 'on', HOLDS_PER_USER: '1', HOLDS_PER_DEVICE: 'off' }, installation);
  });

  afterAll(async () => {
    await product.stop();
    await installation.drop();
  });

  const buy = (saleId: string, buyer: number) =>
    product.client.buy(saleId, `buyer-${buyer}`, { key: `press-${buyer}` });

  const untilLetIn = (who: string, attempt: () => Promise<{ status: number }>) =>
    until(`${who} is let in`, async () => {
      if ((await attempt()).status < 300) return true;
      await sleep(pauseMs);
      return false;
    });

  /** Whether orders have been written, so that there is room for another one. */
  async function hasRoom(saleId: string): Promise<boolean> {
    const backlogs = await product.get(StockOutbox).backlogs([saleId]);
    return (backlogs.get(saleId)?.units ?? backlog) < backlog;
  }

  it('are taken up to the backlog, others wait outside, and all go on by themselves', async () => {
    const saleId = await product.client.openSale({ stock: 20 });
    const crowd = await Promise.all(Array.from({ length: 3 * backlog }, (_, i) => buy(saleId, i)));
    const refused = crowd.filter(({ status }) => status !== 202);
    expect(crowd.length - refused.length).toBe(backlog);
    for (const { status, body, headers } of refused) {
      expect([status, body.code, headers['retry-after']])
        .toEqual([503, 'TEMPORARILY_UNAVAILABLE', '2']);
    }
    const { text } = await product.client.call('GET', '/metrics');
    expect(text).toContain(
      `inventory_decr_total{result="backlog",source="purchase"} ${refused.length}`);

    const first = crowd.findIndex(({ status }) => status === 202);
    const again = await buy(saleId, first);
    expect([again.status, again.body.id]).toEqual([202, crowd[first]?.body.id]);

    const worker = await TestProduct.start({ ROLES: 'worker' }, installation);
    for (const buyer of crowd.keys()) {
      await until('there is room', () => hasRoom(saleId));
      await untilLetIn(`buyer-${buyer}`, () => buy(saleId, buyer));
    }
    await expectBooksToBalance(product, saleId);
    const rows = [];
    for await (const page of product.get(OrderStore).ofSale(saleId)) rows.push(...page);
    expect(rows.map(({ userId }) => userId).sort())
      .toEqual([...crowd.keys()].map((buyer) => `buyer-${buyer}`).sort());
    await worker.stop();
  });

  it('are not counted of a sale whose count is damaged: what others wait for is still known', async () => {
    const [damaged, sound] = [await product.client.openSale(), await product.client.openSale()];
    await buy(sound, 200);
    const redis = product.get(StockRedis);
    await redis.connections.general.hset(redis.keys(damaged).meta, 'reserved', 'many');
    expect([...await product.get(StockOutbox).backlogs([damaged, sound])])
      .toEqual([[sound, { entries: 1, units: 1 }]]);
  });

  it('take no place among unpaid orders from who was sent away: he may buy elsewhere', async () => {
    const [full, free] = [await product.client.openSale(), await product.client.openSale()];
    for (let i = 0; i < backlog; i += 1) await buy(full, 100 + i);
    expect((await product.client.buy(full, 'late')).status).toBe(503);
    await untilLetIn('he', () => product.client.buy(free, 'late', { key: 'elsewhere' }));
  });
});

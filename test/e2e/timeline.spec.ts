import { Database } from '../../src/infra/database';
import { ServerClock } from '../../src/infra/redis';
import { Timeline } from '../../src/purchase/timeline/timeline';
import { StockRedis } from '../../src/stock';
import { admin, type Caller, type PurchaseOptions } from '../support/client';
import { expectProblem } from '../support/expect-problem';
import { TestProduct } from '../support/product';
import { until } from '../support/until';

interface Item {
  at: string;
  lastAt: string;
  count: number;
  layer: string;
  outcome: string;
  explanation?: string;
  available?: number;
  quantity?: number;
  orderId?: string;
}
interface Order { id: string; status: string; quantity: number; createdAt: string; reason?: string }
interface BuyerTimeline {
  saleId: string; userId: string; items: Item[]; orders: Order[]; leftOut: boolean;
}
interface OwnStory {
  saleId: string; state: string; limitPerUser: number; unitsHeld: number; orders: Order[];
  items: Item[];
}

describe('why a buyer did not get it', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => product.stop());

  const readTimeline = (saleId: string, userId: string, as: Caller) =>
    product.client.call<BuyerTimeline>('GET',
      `/admin/v1/sales/${saleId}/buyers/${encodeURIComponent(userId)}/timeline`, { as });
  const timelineOf = (saleId: string, userId: string) => readTimeline(saleId, userId, admin);
  const storyOf = (saleId: string, as: Caller) =>
    product.client.call<OwnStory>('GET', `/v1/sales/${saleId}/me`, { as });

  /** A sale in which this buyer has an order by one call: whatever asks again is told, too. */
  const saleWithOrderOf = (userId: string, changes: object = {}, purchase: PurchaseOptions = {}) =>
    until('an order is placed by one call', async () => {
      const saleId = await product.client.openSale(changes);
      const { status, body } = await product.client.buy(saleId, userId,
        { ...purchase, headers: { prefer: 'wait=20' } });
      // Of a busy machine, which is given another sale.
      expect([201, 202, 503]).toContain(status);
      return status === 201 && { saleId, id: body.id };
    }, 120_000);

  it('is told with wins and refusals in order, and the stock at that instant', async () => {
    const { client } = product;
    // Late answers of Redis would put the clock off and back, and moments out of order.
    jest.spyOn(product.get(ServerClock), 'refresh').mockResolvedValue();
    const { saleId, id } = await saleWithOrderOf('ann', { stock: 3, limitPerUser: 2 },
      { quantity: 2, key: 'first' });
    await client.buy(saleId, 'ann', { key: 'first', quantity: 2 });
    for (let i = 0; i < 3; i += 1) await client.buy(saleId, 'ann');
    await client.buy(saleId, 'ann', { key: 'first' });
    await client.buy(saleId, 'bob');
    await client.buy(saleId, 'cyd');
    await client.operate(saleId, 'pause');
    await client.buy(saleId, 'ann');

    const ann = await timelineOf(saleId, 'ann');
    expect(ann.status).toBe(200);
    expect(ann.body).toMatchObject({ saleId, userId: 'ann', leftOut: false, items: [
      { layer: 'stock', outcome: 'created', count: 1, available: 1, quantity: 2, orderId: id },
      { layer: 'stock', outcome: 'known', count: 1, available: 1, quantity: 2, orderId: id },
      { layer: 'stock', outcome: 'LIMIT_EXCEEDED', count: 3, available: 1, quantity: 1 },
      { layer: 'stock', outcome: 'IDEMPOTENCY_KEY_REUSED', count: 1, available: 1, quantity: 1 },
      { layer: 'sale', outcome: 'SALE_PAUSED', count: 1, available: 0, quantity: 1 },
    ], orders: [{ id, status: 'pending_payment', quantity: 2 }] });
    expect((await timelineOf(saleId, 'cyd')).body).toMatchObject({ orders: [],
      items: [{ layer: 'stock', outcome: 'SOLD_OUT', count: 1, available: 0, quantity: 1 }] });

    const times = ann.body.items.flatMap(({ at, lastAt }) => [at, lastAt]);
    expect(times).toEqual([...times].sort());
    expect((await storyOf(saleId, 'ann')).body).toMatchObject({ saleId, state: 'paused',
      limitPerUser: 2, unitsHeld: 2, orders: ann.body.orders, items: ann.body.items.map(
        ({ layer, outcome, count, at }) => ({ layer, outcome, count, at })) });
  });

  it('is told of requests that were not valid and of those before the opening', async () => {
    const saleId = await product.client.openSale(
      { opensAt: new Date(Date.now() + 600_000).toISOString() });
    await product.client.buy(saleId, 'ann');
    await product.client.buy(saleId, 'bob', { quantity: 0, key: 'x' });
    expect((await timelineOf(saleId, 'ann')).body.items)
      .toMatchObject([{ layer: 'sale', outcome: 'SALE_NOT_OPEN' }]);
    expect((await storyOf(saleId, 'ann')).body).toMatchObject({ state: 'scheduled', unitsHeld: 0,
      orders: [], items: [{ explanation: expect.stringMatching(/not opened/) }] });
    expect((await timelineOf(saleId, 'bob')).body.items).toHaveLength(1);
  });

  it('is not drowned in numbers that nobody can ask for', async () => {
    const saleId = await product.client.openSale();
    expectProblem(await product.client.buy(saleId, 'ann', { quantity: 5 }), 'LIMIT_EXCEEDED');
    for (let quantity = 1_001; quantity <= 1_025; quantity += 1) {
      expectProblem(await product.client.buy(saleId, 'ann', { quantity }), 'VALIDATION_FAILED');
    }
    expect((await timelineOf(saleId, 'ann')).body).toMatchObject({ leftOut: false,
      items: [{ outcome: 'LIMIT_EXCEEDED', quantity: 5 }, { outcome: 'VALIDATION_FAILED', count: 25 }] });
  });

  it('keeps from the buyer what the protection goes by', async () => {
    const saleId = await product.client.openSale();
    const refused = (userId: string, outcome: string) => {
      product.get(Timeline).record({ saleId, userId, outcome, atMs: Date.now(), available: 10 });
    };
    refused('ann', 'RISK_REJECTED');
    refused('bob', 'BLACKLISTED');
    const { body } = await storyOf(saleId, 'ann');
    expect(Object.keys(body).sort()).toEqual(
      ['items', 'limitPerUser', 'orders', 'saleId', 'state', 'unitsHeld']);
    const [item] = body.items;
    expect(Object.keys(item ?? {}).sort()).toEqual(
      ['at', 'available', 'count', 'explanation', 'lastAt', 'layer', 'outcome']);
    expect(item).toMatchObject({ layer: 'protection', outcome: 'RISK_REJECTED' });
    const listed = (await storyOf(saleId, 'bob')).body.items[0];
    expect([listed?.layer, listed?.explanation]).toEqual(['protection', item?.explanation]);
    const layers = ['ann', 'bob'].map(async (userId) =>
      (await timelineOf(saleId, userId)).body.items[0]?.layer);
    expect(await Promise.all(layers)).toEqual(['risk', 'blacklist']);
  });

  it('is told to the buyer himself and to operators, to nobody else', async () => {
    const { saleId } = await saleWithOrderOf('ann');
    expect((await storyOf(saleId, 'bob')).body).toMatchObject(
      { unitsHeld: 0, orders: [], items: [] });
    expectProblem(await storyOf(saleId, undefined), 'UNAUTHENTICATED');
    expectProblem(await readTimeline(saleId, 'ann', undefined), 'UNAUTHENTICATED');
    for (const as of ['ann', 'bob']) {
      expectProblem(await readTimeline(saleId, 'ann', as), 'FORBIDDEN');
    }
    for (const role of ['admin', 'risk', 'viewer'] as const) {
      const { status, body } = await readTimeline(saleId, 'ann', { userId: 'clerk', roles: [role] });
      expect([status, body.items.length]).toEqual([200, 1]);
    }
  });

  it.each(['auth0|5f7', '__proto__', 'a/b?c=d#e', '%2F..%2F', '<script>', '+1.2', '漢',
    'x'.repeat(128), '/'.repeat(128), 'x'.repeat(129)])(
    'is told of a buyer by whatever name he may have: %s', async (userId) => {
      const isUserId = /^[\x21-\x7e]{1,128}$/.test(userId);
      const saleId = isUserId ? (await saleWithOrderOf(userId)).saleId
        : await product.client.openSale();
      const { status, body } = await timelineOf(saleId, userId);
      if (isUserId) expect(body).toMatchObject({ userId, items: [{ count: 1 }] });
      else expect(status).toBe(400);
    });

  it('is 404 for a sale that does not exist, and to buyers for a draft', async () => {
    expectProblem(await storyOf('no-such-sale', 'ann'), 'NOT_FOUND');
    expectProblem(await timelineOf('no-such-sale', 'ann'), 'NOT_FOUND');
    const draft = await product.client.draftSale();
    expectProblem(await storyOf(draft, 'ann'), 'NOT_FOUND');
    expect((await timelineOf(draft, 'ann')).status).toBe(200);
    expectProblem(await storyOf('not an id', 'ann'), 'VALIDATION_FAILED');
  });

  it('keeps nothing of sales that somebody made up', async () => {
    await product.client.buy('made-up', 'ann');
    expect((await product.get(Timeline).of('made-up', 'ann')).entries).toEqual([]);
  });

  it('shows what became of an order, and counts its units while they are held', async () => {
    const { client } = product;
    const saleId = await client.openSale({ limitPerUser: 2 });
    const kept = await client.order(saleId, 'ann');
    const other = await client.order(saleId, 'ann');
    await client.pay(kept.id, 'ann');
    await client.cancel(other.id, 'ann');
    await client.atRest(saleId);
    const { body } = await storyOf(saleId, 'ann');
    expect(body.unitsHeld).toBe(1);
    expect(body.orders).toEqual([
      expect.objectContaining({ id: other.id, status: 'cancelled', createdAt: other.createdAt }),
      expect.objectContaining({ id: kept.id, status: 'paid', createdAt: kept.createdAt }),
    ]);
  });

  it('is told from the database alone what a buyer has of a sale that Redis forgot', async () => {
    const { client } = product;
    const { saleId, id } = await saleWithOrderOf('ann', { limitPerUser: 3 }, { quantity: 2 });
    await client.pay(id, 'ann');
    await client.atRest(saleId);
    await client.operate(saleId, 'close');
    await product.get(Database).execute('UPDATE sales SET retired_at = NOW(3) WHERE id = ?',
      [saleId]);
    const { general } = product.get(StockRedis).connections;
    await general.unlink(product.get(StockRedis).keys(saleId).users);
    expect((await storyOf(saleId, 'ann')).body).toMatchObject({ state: 'closed', unitsHeld: 2,
      orders: [{ id, status: 'paid' }], items: [{ outcome: 'created', orderId: id }] });
  });
});

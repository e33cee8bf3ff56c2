import { Database } from '../../src/infra/database';
import { RedisConnections, type RedisClient } from '../../src/infra/redis';
import { OrderFollowup, OrderLife, OrderStore, OrderWriter, toOutboxEntry, type Order }
  from '../../src/order';
import { Doubts, Recovery } from '../../src/reconciliation';
import { SaleStore } from '../../src/sale';
import { StockReader, StockRedis, type OutboxEntry, type SaleKeys } from '../../src/stock';
import { afterNext } from '../support/after-next';
import { TestProduct } from '../support/product';

const nobody = { source: 'test', ip: '', traceId: '0'.repeat(32) };

/** S11 step by step: without the worker role, nothing recovers or writes unless the test does. */
describe('recovery', () => {
  let product: TestProduct;
  let redis: RedisClient;
  let doubts: Doubts;
  let recovery: Recovery;

  beforeAll(async () => {
    product = await TestProduct.start({ ROLES: 'api' });
    redis = product.get(RedisConnections).general;
    doubts = product.get(Doubts);
    recovery = product.get(Recovery);
  });

  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(async () => { await product.stop(); });

  function keysOf(saleId: string): SaleKeys {
    return product.get(StockRedis).keys(saleId);
  }

  function loseEverything(saleId: string): Promise<number> {
    return redis.unlink(Object.values(keysOf(saleId)) as string[]);
  }

  /** What is held of a sale and not yet written, as the outbox carries it. */
  async function entriesOf(saleId: string): Promise<OutboxEntry[]> {
    const entries: OutboxEntry[] = [];
    for await (const page of product.get(StockReader).scan(saleId)) {
      entries.push(...page.filter(({ status }) => status === 'reserved').map(toOutboxEntry));
    }
    return entries;
  }

  /** Does the worker's part with these entries. */
  async function write(saleId: string, entries: OutboxEntry[]): Promise<Order[]> {
    const sale = await product.get(SaleStore).find(saleId);
    if (!sale) throw new Error(`There is no sale ${saleId}`);
    const orders = await product.get(OrderWriter).write(sale, entries);
    await product.get(OrderFollowup).apply(saleId, orders);
    return orders;
  }

  /** What is held becomes no order. */
  async function reject(saleId: string): Promise<void> {
    const sale = await product.get(SaleStore).find(saleId);
    const [entry] = await entriesOf(saleId);
    if (!sale || !entry) throw new Error(`Nothing is held of ${saleId}`);
    const order = await product.get(OrderStore).insertTombstone(sale, entry, 'rejected', 'SOLD_OUT');
    await product.get(OrderFollowup).apply(saleId, [order]);
  }

  /** Buys with the buyer's one key and writes the order; its id. */
  async function order(saleId: string, userId: string): Promise<string> {
    const { body } = await product.client.buy(saleId, userId, { key: `key-of-${userId}` });
    await write(saleId, await entriesOf(saleId));
    return body.id;
  }

  /** What the buyer is told who sends the same purchase again. */
  async function replay(saleId: string, userId: string) {
    const { status, body } = await product.client.buy(saleId, userId, { key: `key-of-${userId}` });
    return [status, body.id, body.status];
  }

  async function expectNothingSold(saleId: string): Promise<void> {
    const { status, headers, body } = await product.client.buy(saleId, 'bob');
    expect([status, body.code, headers['retry-after']])
      .toEqual([503, 'TEMPORARILY_UNAVAILABLE', '1']);
  }

  /** Recovers; then the sale sells again, and Redis has what the database has. */
  async function expectRecovered(saleId: string, available: number): Promise<void> {
    expect(await recovery.recover(saleId)).toBe(true);
    expect(await doubts.about(saleId)).toBeUndefined();
    const stock = await product.client.stock(saleId);
    expect(stock).toMatchObject({ drift: 0, consistent: true, inFlight: 0, redis: { available } });
    expect((await product.client.buy(saleId, 'bob')).status).toBe(202);
  }

  it.each([
    ['not_loaded', 'a part of Redis is missing', (meta: string) => redis.hdel(meta, 'limit')],
    ['not_loaded', 'the sale is missing', (meta: string) => redis.unlink(meta)],
    ['other_server', 'another server loaded it', (meta: string) => redis.hset(meta, 'boot', 'x')],
    ['unfinished_load', 'a load broke off',
      (meta: string) => redis.hset(meta, 'state', 'loading')],
    ['unfinished_load', 'a recovery broke off',
      (meta: string) => redis.hset(meta, 'state', 'recovering')],
    ['other_epoch', 'its epoch has passed', (meta: string) => redis.hset(meta, 'epoch', 0)],
  ])('doubts %s when %s, sells nothing until it is recovered', async (doubt, _how, forge) => {
    const saleId = await product.client.openSale();
    const rid = await order(saleId, 'alice');
    expect(await doubts.about(saleId)).toBeUndefined();
    await forge(keysOf(saleId).meta);
    expect(await doubts.about(saleId)).toBe(doubt);
    await expectNothingSold(saleId);
    await expectRecovered(saleId, 9);
    expect(await replay(saleId, 'alice')).toEqual([200, rid, 'pending_payment']);
  });

  it.each(['loading', 'recovering'])('shows no counts as stock while the sale is %s', async (state) => {
    const saleId = await product.client.openSale();
    // What a load has in Redis before its records: units that are nobody's only for now.
    await redis.hset(keysOf(saleId).meta, 'state', state, 'available', 7);
    expect(await product.client.stock(saleId)).toMatchObject({ loaded: false, drift: 0 });
    await expectRecovered(saleId, 10);
    expect(await product.client.stock(saleId)).toMatchObject({ loaded: true, drift: 0 });
  });

  it('doubts behind_database when Redis gave fewer numbers than the database saw', async () => {
    const saleId = await product.client.openSale();
    await order(saleId, 'alice');
    await redis.hset(keysOf(saleId).meta, 'seq', 0);
    expect(await doubts.about(saleId)).toBe('behind_database');
    await expectRecovered(saleId, 9);
  });

  it('sells nothing from an old snapshot, although it is complete and has units left', async () => {
    const saleId = await product.client.openSale();
    const { meta, records, users, due } = keysOf(saleId);
    const [emptyBooks, ...others] = [await redis.dumpBuffer(meta), records, users, due];
    const rid = await order(saleId, 'alice');
    if (!emptyBooks) throw new Error('The sale is not in Redis');
    await redis.restore(meta, 0, emptyBooks, 'REPLACE');
    await redis.unlink(others);
    await redis.hset(meta, 'boot', 'run-id-before-the-restart');
    await expectNothingSold(saleId);
    await expectRecovered(saleId, 9);
    expect(await replay(saleId, 'alice')).toEqual([200, rid, 'pending_payment']);
  });

  it('writes what Redis holds before the new epoch: a plain restart refuses nobody', async () => {
    const saleId = await product.client.openSale();
    const { body } = await product.client.buy(saleId, 'alice', { key: 'key-of-alice' });
    await redis.hset(keysOf(saleId).meta, 'boot', 'run-id-before-the-restart');
    await expectRecovered(saleId, 9);
    expect(await replay(saleId, 'alice')).toEqual([200, body.id, 'pending_payment']);
  });

  it('reads no records on from the cursor of a Redis that has been replaced', async () => {
    const saleId = await product.client.openSale();
    await product.client.buy(saleId, 'alice');
    const { records } = keysOf(saleId);
    const [text = ''] = Object.values(await redis.hgetall(records));
    await redis.hset(records, Object.fromEntries(
      Array.from({ length: 2_000 }, (_, index) => [`rid-${index}`, text])));
    const pages = product.get(StockReader).scan(saleId);
    expect((await pages.next()).done).toBe(false);
    jest.spyOn(product.get(StockRedis), 'bootOf').mockReturnValue('run-id-after-it');
    await expect(pages.next()).rejects.toThrow('Redis was replaced');
  });

  it('keeps the epoch when Redis is replaced while it drains: what it missed can still be written',
    async () => {
      const saleId = await product.client.openSale();
      await product.client.buy(saleId, 'alice');
      await redis.hset(keysOf(saleId).meta, 'boot', 'run-id-before-the-restart');
      const bootOf = jest.spyOn(product.get(StockRedis), 'bootOf');
      afterNext(product.get(OrderWriter), 'write', () => true,
        async () => { bootOf.mockReturnValue('run-id-after-it'); });
      await expect(recovery.recover(saleId)).rejects.toThrow('Redis was replaced');
      bootOf.mockRestore();
      expect(await product.get(Database).query('SELECT epoch FROM sale_stock WHERE sale_id = ?', [saleId]))
        .toEqual([{ epoch: 1 }]);
      await expectRecovered(saleId, 9);
    });

  it('refuses a batch of the old epoch that comes late, with a reason', async () => {
    const saleId = await product.client.openSale();
    await product.client.buy(saleId, 'alice', { key: 'key-of-alice' });
    const late = await entriesOf(saleId);
    await loseEverything(saleId);
    await recovery.recover(saleId);
    const [row] = await write(saleId, late);
    expect([row?.status, row?.reason]).toEqual(['rejected', 'EPOCH_PASSED']);
    expect(await product.client.stock(saleId)).toMatchObject({ drift: 0, redis: { available: 10 },
      database: { allocated: 0 } });
  });

  it('writes what was held again under the same id, though the batch of before comes first',
    async () => {
      const saleId = await product.client.openSale();
      await product.client.buy(saleId, 'alice', { key: 'key-of-alice' });
      const late = await entriesOf(saleId);
      await loseEverything(saleId);
      await recovery.recover(saleId);
      const { status, body } = await product.client.buy(saleId, 'alice', { key: 'key-of-alice' });
      const again = await entriesOf(saleId);
      expect([status, body.id, again[0]?.rid]).toEqual([202, late[0]?.rid, late[0]?.rid]);
      await write(saleId, late);
      await write(saleId, again);
      expect(await replay(saleId, 'alice')).toEqual([200, body.id, 'pending_payment']);
      expect(await product.client.stock(saleId)).toMatchObject({ drift: 0,
        redis: { available: 9 }, database: { allocated: 1 } });
    });

  it('leaves a record of every order that is over: same key, same answer', async () => {
    const saleId = await product.client.openSale();
    const expired = await order(saleId, 'eve');
    await product.get(Database).execute(
      'UPDATE orders SET expires_at = NOW(3) WHERE rid = ?', [expired]);
    expect(await product.get(OrderLife).expire(saleId)).toBe(1);
    const cancelled = await order(saleId, 'carol');
    await product.client.cancel(cancelled, 'carol');
    const { body: { id: rejected } } = await product.client.buy(saleId, 'ron',
      { key: 'key-of-ron' });
    await reject(saleId);
    const refunded = await order(saleId, 'frank');
    await product.get(OrderLife).pay(refunded);
    await product.get(OrderLife).refund(refunded, nobody);
    const answers = async () => Promise.all(['eve', 'carol', 'ron', 'frank'].map((userId) =>
      replay(saleId, userId)));
    const before = await answers();
    expect(before).toEqual([[200, expired, 'expired'], [200, cancelled, 'cancelled'],
      [200, rejected, 'rejected'], [200, refunded, 'refunded']]);
    await loseEverything(saleId);
    await expectRecovered(saleId, 10);
    expect(await answers()).toEqual(before);
  });

  it('as preload: the second time changes nothing', async () => {
    const saleId = await product.client.openSale();
    await order(saleId, 'alice');
    await product.client.buy(saleId, 'bob');
    const everything = () => Promise.all((Object.values(keysOf(saleId)) as string[])
      .map((key) => redis.dumpBuffer(key)));
    const before = await everything();
    const { status, body } = await product.client.operate(saleId, 'preload');
    expect([status, body]).toEqual([200, { saleId, available: 8 }]);
    expect(await everything()).toEqual(before);
  });

  it('two runners at once: one recovers, the other leaves it to him', async () => {
    const saleId = await product.client.openSale();
    await loseEverything(saleId);
    const ran = await Promise.all([recovery.recover(saleId), recovery.recover(saleId)]);
    expect(ran).toContain(true);
    expect((await product.get(StockReader).audit(saleId)).epoch).toBe(2);
  });
});

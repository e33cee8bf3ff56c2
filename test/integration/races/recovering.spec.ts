import { Database, Transaction } from '../../../src/infra/database';
import { Recovery } from '../../../src/reconciliation';
import { Drain } from '../../../src/reconciliation/drain';
import { SaleStore } from '../../../src/sale';
import { StockLoader, StockReader, StockRedis } from '../../../src/stock';
import { afterNext } from '../../support/after-next';
import { faultsOf, readBooks } from '../../support/books';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { until } from '../../support/until';

jest.setTimeout(180_000);

/** Processes with ROLES=api only: nothing recovers, adjusts or writes unless the test does. */
describe('a recovery and what happens beside it', () => {
  let installation: Installation;
  let product: TestProduct;
  let other: TestProduct;
  let database: Database;

  beforeAll(async () => {
    installation = await createInstallation();
    [product, other] = await Promise.all([
      TestProduct.start({ ROLES: 'api' }, installation),
      TestProduct.start({ ROLES: 'api' }, installation),
    ]);
    database = product.get(Database);
  });

  afterAll(async () => {
    await Promise.all([product.stop(), other.stop()]);
    await installation.drop();
  });

  /** A sale of 10 units, of which so many are ordered. */
  async function saleWithOrders(count: number): Promise<string> {
    const saleId = await product.client.openSale();
    await Promise.all(Array.from({ length: count }, (_, index) =>
      product.client.buy(saleId, `buyer-${index}`)));
    await product.get(Recovery).recover(saleId, 'drill'); // which writes what is held
    return saleId;
  }

  /** Fails unless both sides have this total, and Redis sells what the database can give. */
  async function expectTotal(saleId: string, total: number): Promise<void> {
    const books = await readBooks(product, saleId);
    expect(faultsOf(books)).toEqual([]);
    const { stock, redis: { counters } } = books;
    expect([stock.total, counters.total]).toEqual([total, total]);
    expect(counters.available).toBe(total - stock.allocated);
  }

  it('leaves a sale paused that was paused while the recovery said for the last time that it is open',
    async () => {
      const saleId = await saleWithOrders(1);
      let isOpen = false;
      afterNext(product.get(StockRedis), 'runFenced', (script) => script === 'open',
        async () => { isOpen = true; });
      afterNext(product.get(SaleStore), 'find', () => isOpen, async () => {
        expect((await other.client.operate(saleId, 'pause')).status).toBe(200);
      });
      await product.get(Recovery).recover(saleId, 'drill');
      expect((await other.get(StockReader).audit(saleId)).state).toBe('paused');
    });

  it('refuses the second side of a decrease when the sale was recovered after the first',
    async () => {
      const saleId = await saleWithOrders(3);
      afterNext(product.get(StockRedis), 'runFenced', (script) => script === 'adjust',
        () => other.get(Recovery).recover(saleId, 'drill'));
      const { status, body } = await product.client.adjust(saleId, -4, 'decrease');
      expect([status, body.code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
      await expectTotal(saleId, 10);
      for (const client of [product.client, other.client]) {
        expect((await client.adjust(saleId, -4, 'decrease')).status).toBe(200);
        await expectTotal(saleId, 6);
      }
    });

  it.each([5, -4])('changes a draft by %i and its Redis side alike when it is preloaded meanwhile',
    async (delta) => {
      const saleId = await product.client.draftSale();
      afterNext(database, 'query', (sql) => sql.includes('FROM stock_adjustments'),
        () => other.client.operate(saleId, 'preload'));
      const { status, body } = await product.client.adjust(saleId, delta, 'change');
      expect([status, body.code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
      await expectTotal(saleId, 10);
      expect((await product.client.adjust(saleId, delta, 'change')).status).toBe(200);
      await expectTotal(saleId, 10 + delta);
    });

  it('loads a total and the adjustments in it of one moment, though an increase comes between',
    async () => {
      const saleId = await saleWithOrders(3);
      let increase: Promise<unknown> | undefined;
      afterNext(Transaction.prototype, 'query', (sql) => sql.includes('total, seq FROM sale_stock'),
        async () => {
          let isOver = false;
          increase = other.client.adjust(saleId, 5, 'increase').then(() => { isOver = true; });
          await until('the increase is done or waits', async () => isOver || isSomebodyWaiting());
        });
      await product.get(Recovery).recover(saleId, 'drill');
      await increase;
      expect((await product.client.adjust(saleId, 5, 'increase')).status).toBe(200);
      await expectTotal(saleId, 15);
    });

  /** Whether a change of a stock row is on its way for longer than it can take without a lock. */
  async function isSomebodyWaiting(): Promise<boolean> {
    const rows = await database.query(
      `SELECT 1 FROM information_schema.processlist
        WHERE db = DATABASE() AND time_ms > 300 AND info LIKE 'UPDATE sale_stock%'`);
    return rows.length > 0;
  }

  it('of two runners the one that lost its lock does not spoil what the other loads', async () => {
    const saleId = await saleWithOrders(4);
    const began = Promise.withResolvers<void>();
    let overtaker: Promise<boolean> | undefined;
    afterNext(database, 'execute', (sql) => sql.includes('epoch = epoch + 1'), async () => {
      await killHolder(`load:${saleId}`);
      const loaded = Promise.withResolvers<void>();
      afterNext(other.get(StockRedis), 'runFenced', (script) => script === 'load-records',
        async () => {
          loaded.resolve();
          await began.promise;
        });
      overtaker = other.get(Recovery).recover(saleId, 'drill');
      await loaded.promise;
    });
    // Should the overtaken runner begin a load all the same, it leaves the end to the other one.
    afterNext(product.get(StockRedis), 'runFenced', (script) => script === 'load-begin',
      async () => {
        began.resolve();
        await overtaker;
      });
    const overtaken = product.get(Recovery).recover(saleId, 'drill').finally(began.resolve);
    await expect(overtaken).rejects.toThrow('Somebody else is recovering');
    expect(await overtaker).toBe(true);
    await expectTotal(saleId, 10);
    expect((await readBooks(product, saleId)).redis.counters.ordered).toBe(4);
  });

  it('a runner that lost its lock does not open what the other one believes closed', async () => {
    const saleId = await saleWithOrders(4);
    const otherClosed = Promise.withResolvers<void>();
    const overtakenEnded = Promise.withResolvers<void>();
    let overtaker: Promise<boolean> | undefined;
    let bought: { status: number } | undefined;
    afterNext(other.get(StockLoader), 'close', () => true, async () => {
      otherClosed.resolve();
      await overtakenEnded.promise;
    });
    afterNext(other.get(Drain), 'run', () => true, async () => {
      bought = await product.client.buy(saleId, 'late', { key: 'late' });
    });
    // The epoch is this runner's own until the other one raises it, which has only begun.
    afterNext(database, 'execute', (sql) => sql.includes('epoch = epoch + 1'), async () => {
      await killHolder(`load:${saleId}`);
      overtaker = other.get(Recovery).recover(saleId, 'drill');
      await otherClosed.promise;
    });
    const overtaken = product.get(Recovery).recover(saleId, 'drill')
      .finally(overtakenEnded.resolve);
    await expect(overtaken).rejects.toThrow('The sale is being recovered');
    expect(await overtaker).toBe(true);
    expect(bought?.status).toBe(503);
    expect((await product.client.buy(saleId, 'late', { key: 'late' })).status).toBe(202);
    await product.get(Recovery).recover(saleId, 'drill');
    expect((await readBooks(product, saleId)).redis.counters.ordered).toBe(5);
    await expectTotal(saleId, 10);
  });

  /** Ends the connection that holds this lock, as a broken network does. */
  async function killHolder(lock: string): Promise<void> {
    const [row] = await database.query<{ id: number }>(
      "SELECT IS_USED_LOCK(CONCAT(DATABASE(), '.', ?)) AS id", [lock]);
    await database.execute('KILL ?', [row?.id]);
    await until('the lock is free', async () => {
      const [lookedAt] = await database.query<{ isFree: number }>(
        "SELECT IS_FREE_LOCK(CONCAT(DATABASE(), '.', ?)) AS isFree", [lock]);
      return lookedAt?.isFree;
    });
  }

  it('asks the database for the epoch now and then, however many buyers are fenced off',
    async () => {
      const saleId = await saleWithOrders(1);
      await product.get(StockLoader).close(saleId, 'drill');
      const queries = jest.spyOn(database, 'query');
      const startedAt = performance.now();
      const answers = await Promise.all(Array.from({ length: 150 }, (_, index) =>
        product.client.buy(saleId, `presser-${index}`)));
      const asked = queries.mock.calls.filter(([sql]) => sql.includes('epoch, gate FROM sale_stock'));
      queries.mockRestore();
      expect(new Set(answers.map(({ body }) => body.code)))
        .toEqual(new Set(['TEMPORARILY_UNAVAILABLE']));
      expect(asked.length).toBeGreaterThan(0);
      // And the process itself looks once a second.
      expect(asked.length).toBeLessThanOrEqual(2 + (performance.now() - startedAt) / 200);
    });
});

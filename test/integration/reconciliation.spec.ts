import { Database } from '../../src/infra/database';
import { RedisConnections } from '../../src/infra/redis';
import { Reconciler, Recovery } from '../../src/reconciliation';
import { StockSnapshots } from '../../src/reconciliation/stock-snapshots';
import { SaleCatalog, SaleLife, stockIdsOf } from '../../src/sale';
import { StockLoader, StockRedis } from '../../src/stock';
import { expectProblem } from '../support/expect-problem';
import { TestProduct } from '../support/product';

const operator = { actor: 'operator', ip: '', traceId: 'a'.repeat(32) };

/** Without workers: the schedule comes when a test says so. */
describe('reconciliation', () => {
  let product: TestProduct;
  let database: Database;
  let reconciler: Reconciler;

  beforeAll(async () => {
    product = await TestProduct.start({ ROLES: 'api' });
    database = product.get(Database);
    reconciler = product.get(Reconciler);
  });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => product.stop());

  /** So many of the keys of its stock. */
  const keysLeft = (stockId: string) => product.get(RedisConnections).general
    .exists(Object.values(product.get(StockRedis).keys(stockId)) as string[]);

  async function isRetired(saleId: string): Promise<boolean> {
    return (await product.get(SaleCatalog).find(saleId))?.retiredAtMs !== undefined;
  }

  /** The sale has been over for longer than a day. */
  async function letBeOver(saleId: string): Promise<void> {
    await database.execute(
      `UPDATE sales SET opens_at = NOW(3) - INTERVAL 3 DAY, closes_at = NOW(3) - INTERVAL 2 DAY
        WHERE id = ? OR segment_of = ?`, [saleId, saleId]);
    await product.get(SaleCatalog).announce(saleId);
  }

  /** As a run does that crashes before Redis has forgotten the sale. */
  async function retire(saleId: string): Promise<void> {
    await letBeOver(saleId);
    expect(await product.get(SaleLife).retire(saleId, operator)).toBe(true);
  }

  /** Redis does not answer the next time that it is told to forget this one. */
  function failToUnloadOnce(stockId: string): void {
    const loader = product.get(StockLoader);
    const unload = loader.unload.bind(loader);
    let isAnswering = false;
    jest.spyOn(loader, 'unload').mockImplementation(async (id) => {
      if (id !== stockId || isAnswering) return unload(id);
      isAnswering = true;
      throw new Error('Connection is closed.');
    });
  }

  it('looks at eight sales at a time, and tells of all in their sequence', async () => {
    for (let count = 0; count < 10; count += 1) {
      // With a unit in flight it is looked at again after a pause.
      await product.client.buyInTheEnd(await product.client.openSale(), 'ann');
    }
    const snapshots = product.get(StockSnapshots);
    const look = snapshots.of.bind(snapshots);
    const betweenLooks = new Set<string>();
    let most = 0;
    jest.spyOn(snapshots, 'of').mockImplementation((saleId) => {
      if (!betweenLooks.delete(saleId)) betweenLooks.add(saleId);
      most = Math.max(most, betweenLooks.size);
      return look(saleId);
    });
    const items = await reconciler.run('schedule');
    expect(most).toBe(8);
    expect(items.map(({ saleId }) => saleId))
      .toEqual(product.get(SaleCatalog).live().map(({ id }) => id));
  });

  it('has Redis forget a sale that is over, at the next run if it did not at first', async () => {
    const saleId = await product.client.openSale();
    await letBeOver(saleId);
    failToUnloadOnce(saleId);
    expect(await reconciler.run('schedule'))
      .toContainEqual(expect.objectContaining({ saleId, consistentAfter: true }));
    expect([await isRetired(saleId), await keysLeft(saleId) > 0]).toEqual([true, true]);
    await reconciler.run('schedule');
    expect(await keysLeft(saleId)).toBe(0);
  });

  it('has Redis forget every segment of a sale that is over, and the others in spite of one',
    async () => {
      const saleId = await product.client.openSale({ segments: 3 });
      const stockIds = stockIdsOf({ id: saleId, segments: 3 });
      const areThere = () => Promise.all(stockIds.map(async (id) => await keysLeft(id) > 0));
      await letBeOver(saleId);
      failToUnloadOnce(stockIds[1] ?? '');
      await reconciler.run('schedule');
      expect(await areThere()).toEqual([false, true, false]);
      await reconciler.run('schedule');
      expect(await areThere()).toEqual([false, false, false]);
    });

  it('forgets what Redis has of a retired sale when an operator asks for that sale', async () => {
    const saleId = await product.client.openSale();
    await retire(saleId);
    await product.get(RedisConnections).general
      .hincrby(product.get(StockRedis).keys(saleId).meta, 'available', 1);
    expect(await reconciler.run('operator', saleId)).toMatchObject([
      { saleId, drift: 0, rebuilt: false, driftAfter: 0, consistentAfter: true }]);
    expect(await keysLeft(saleId)).toBe(0);
  });

  it('is no way for a retired sale into Redis, nor are recovery and preload', async () => {
    const saleId = await product.client.openSale();
    await retire(saleId);
    await product.get(StockLoader).unload(saleId);
    await reconciler.run('operator', saleId);
    await product.get(Recovery).recover(saleId);
    await expect(product.get(Recovery).recover(saleId, 'drill')).rejects.toThrow('no part');
    expectProblem(await product.client.operate(saleId, 'preload'), 'SALE_STATE_CONFLICT');
    expect(await keysLeft(saleId)).toBe(0);
  });

  it('retires a sale that was closed for good a day ago, whenever it was to end', async () => {
    const saleId = await product.client.openSale({ closesAt: '2090-01-01T00:00:00Z' });
    await product.client.operate(saleId, 'close');
    await reconciler.run('schedule');
    expect(await isRetired(saleId)).toBe(false);
    await database.execute(
      'UPDATE sales SET updated_at = NOW(3) - INTERVAL 2 DAY WHERE id = ?', [saleId]);
    await reconciler.run('schedule');
    expect(await isRetired(saleId)).toBe(true);
    expect(await keysLeft(saleId)).toBe(0);
  });

  it('retires no sale whose rows contradict each other', async () => {
    const saleId = await product.client.openSale({ strategy: 'database-row-lock' });
    await database.execute(
      'UPDATE sale_stock SET allocated = allocated + 1 WHERE sale_id = ?', [saleId]);
    await letBeOver(saleId);
    expect(await reconciler.run('schedule'))
      .toContainEqual(expect.objectContaining({ saleId, drift: 0, consistentAfter: false }));
    expect(await isRetired(saleId)).toBe(false);
  });
});

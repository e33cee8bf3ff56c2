import { Database } from '../../../src/infra/database';
import { StockBook, StockBusy, StockRedis } from '../../../src/stock';
import { TestProduct } from '../../support/product';
import { enterForGood, locksOf } from '../../support/segment-locks';

const cause = { source: 'purchase', ip: '', traceId: '0'.repeat(32) };

describe('a holder of a segment lock who comes late', () => {
  let product: TestProduct;
  let saleId: string;
  const strategy = 'segment-lock';

  beforeAll(async () => { product = await TestProduct.start(); });
  afterAll(() => product.stop());
  beforeEach(async () => { saleId = await saleOf(160); });

  async function saleOf(stock: number): Promise<string> {
    const id = await product.client.openSale({ strategy, stock });
    // Whatever the preload made of it: the epoch is not what this is about.
    await product.get(Database).execute('UPDATE sale_stock SET epoch = 1 WHERE sale_id = ?', [id]);
    return id;
  }

  const enter = () => enterForGood(product, saleId, 'ann');

  /** As if the leases had run out while their holder slept. */
  async function loseLocks(): Promise<void> {
    const { general } = product.get(StockRedis).connections;
    expect(await general.unlink(await locksOf(product, saleId))).toBe(2);
  }

  const take = (rid: string, token: number) => product.get(Database).transaction((transaction) =>
    product.get(StockBook).allocate(transaction,
      { saleId, strategy, limitPerUser: 10, epoch: 1, highestSeq: 0 },
      [{ rid, userId: 'ann', quantity: 1, cause }], token));

  it('is refused once another has written with a higher token, and gives up no lock of his', async () => {
    const late = await enter();
    await expect(enter()).rejects.toBeInstanceOf(StockBusy);
    await loseLocks();
    const next = await enter();
    expect(next.token).toBeGreaterThan(late.token);
    expect(await take('rid-of-next', next.token)).toHaveLength(1);
    await expect(take('rid-of-late', late.token)).rejects.toBeInstanceOf(StockBusy);
    await late.leave();
    await expect(enter()).rejects.toBeInstanceOf(StockBusy);
    await next.leave();
    const after = await enter();
    expect(await take('rid-of-after', after.token)).toHaveLength(1);
    await after.leave();
  });

  it('is refused also where his own part of the stock is empty and another has units', async () => {
    saleId = await saleOf(16);
    expect(await take('takes-the-one-unit-of-his-part', 7)).toHaveLength(1);
    expect(await take('takes-one-of-another-part', 8)).toHaveLength(1);
    await expect(take('comes-late', 7)).rejects.toBeInstanceOf(StockBusy);
  });

  it('is nobody who comes after Redis has lost the tokens: they go on above those of before',
    async () => {
      const redis = product.get(StockRedis);
      for (const rid of ['first', 'second']) {
        const before = await enter();
        expect(await take(rid, before.token)).toHaveLength(1);
        await before.leave();
      }
      const tokens = `${redis.keys(saleId).meta}:lock:tokens`;
      expect(await redis.connections.general.unlink(tokens)).toBe(1);
      const after = await enter();
      expect(await take('third', after.token)).toHaveLength(1);
      await after.leave();
    });
});

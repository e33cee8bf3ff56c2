import { Database } from '../../../src/infra/database';
import { RedisConnections } from '../../../src/infra/redis';
import { saleKeys, StockReader } from '../../../src/stock';
import { expectBooksToBalance } from '../../support/books';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';
import { withoutReconciliation } from '../../support/without-reconciliation';

jest.setTimeout(180_000);

describe('a decision that is told to a Redis side which a load is about to replace', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterAll(() => product.stop());

  const redis = () => product.get(RedisConnections).general;

  /** What the load does meanwhile, and what it leaves behind. */
  type Step = (meta: string) => Promise<unknown>;

  /** The record is not there when the order is cancelled; then the load writes it as the row was. */
  async function cancelDuring(begin: Step, end: Step): Promise<void> {
    const saleId = await product.client.openSale({ stock: 2 });
    const { id } = await product.client.order(saleId, 'ann');
    const { meta, records } = saleKeys(product.config.redisNamespace, saleId);
    const available = async () => (await product.get(StockReader).audit(saleId)).available;
    const toldDuringLoad = async () => {
      await begin(meta);
      const record = await redis().hget(records, id) ?? '';
      await redis().hdel(records, id);
      expect((await product.client.cancel(id, 'ann')).status).toBe(200);
      expect(await available()).toBe(1);
      await redis().hset(records, id, record);
      await end(meta);
      await until('the unit is back', async () => await available() === 2, 40_000);
    };
    // The lock of the load: the product's own recovery, which may have it at first, would heal the sale.
    await withoutReconciliation(product, () => until('the lock is free', async () =>
      (await product.get(Database).withLock(`load:${saleId}`, toldDuringLoad)).ran));
    await expectBooksToBalance(product, saleId);
  }

  it('is told again after a load that had read the row before', () =>
    cancelDuring((meta) => redis().hset(meta, 'state', 'loading'),
      (meta) => redis().hset(meta, 'state', 'open')));

  it('is told again after a load on a server that this process does not see yet', () =>
    cancelDuring(() => product.get(Database).execute('UPDATE sale_stock SET epoch = epoch + 1'),
      (meta) => redis().hincrby(meta, 'epoch', 1)));
});

import { Database } from '../../../src/infra/database';
import { DirectWriter } from '../../../src/order/direct-writer';
import { SaleStore } from '../../../src/sale';
import { SaleEpochs } from '../../../src/stock';
import { TestProduct } from '../../support/product';

const nobody = { source: 'test', ip: '', traceId: '0'.repeat(32) };

describe('purchases that are written in one transaction', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start({ ROLES: 'api' }); });
  afterAll(() => product.stop());

  /** Writes purchases `[rid, quantity]` as one batch; each rid has a buyer of its own. */
  async function write(limitPerUser: number, purchases: readonly [rid: string, quantity: number][]) {
    const saleId = await product.client.openSale(
      { stock: 20, strategy: 'database-row-lock', limitPerUser });
    const sale = await product.get(SaleStore).find(saleId);
    if (!sale) throw new Error(`There is no sale ${saleId}`);
    const { epoch } = await product.get(SaleEpochs).now(saleId);
    const transactions = jest.spyOn(product.get(Database), 'transaction');
    const results = await product.get(DirectWriter).write(sale, epoch, purchases.map(
      ([rid, quantity]) => ({ ...nobody, rid: `${rid}-${saleId}`, saleId, userId: rid, quantity })));
    const count = transactions.mock.calls.length;
    transactions.mockRestore();
    return { results, transactions: count, stock: await product.client.stock(saleId) };
  }

  it('of one id with two bodies the first counts, also where the limit allows the second',
    async () => {
      const { results, stock } = await write(9, [['ann', 1], ['ann', 3]]);
      expect(results).toMatchObject([
        { value: { kind: 'written', isNew: true, order: { quantity: 1 } } },
        { value: { kind: 'refused', reason: 'IDEMPOTENCY_KEY_REUSED' } }]);
      expect(stock.database.allocated).toBe(1);
    });

  it('one id with a body that nobody may have costs the others no transaction of their own',
    async () => {
      const { results, transactions, stock } = await write(2, [['ann', 1], ['bob', 1], ['ann', 1_000]]);
      expect(results).toMatchObject([
        { value: { kind: 'written', isNew: true } }, { value: { kind: 'written', isNew: true } },
        { value: { kind: 'refused', reason: 'IDEMPOTENCY_KEY_REUSED' } }]);
      expect([transactions, stock.database.allocated]).toEqual([1, 2]);
    });
});

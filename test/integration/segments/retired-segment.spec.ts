import { Database } from '../../../src/infra/database';
import { SaleCatalog } from '../../../src/sale';
import { StockLoader } from '../../../src/stock';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { SegmentedSale } from '../../support/segmented-sale';

/** A segment in which nothing is under way is retired, though an order of another may still be paid. */
describe('a segment that is retired before the others', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterAll(() => product.stop());

  it('answers its buyers from the database', async () => {
    const { client } = product;
    const sale = await SegmentedSale.open(product, { stock: 30 });
    const [retired = '', ...others] = sale.stockIds;
    const buyer = sale.buyerOf(0);
    const { id } = await client.order(sale.id, buyer, { key: 'the-key' });
    await client.pay(id, buyer);
    // An order that may be paid for another while, as of a shop that has set a limit of days.
    const waiting = sale.buyerOf(1);
    await client.order(sale.id, waiting);
    await product.get(Database).execute(
      `UPDATE sales SET opens_at = NOW(3) - INTERVAL 3 DAY, closes_at = NOW(3) - INTERVAL 2 DAY,
        retired_at = IF(id = ?, NOW(3), NULL) WHERE id IN (?)`,
      [retired, [sale.id, retired, ...others]]);
    for (const stockId of [sale.id, ...sale.stockIds]) {
      await product.get(SaleCatalog).announce(stockId);
    }
    await product.get(StockLoader).unload(retired);
    const again = await client.buy(sale.id, buyer, { key: 'the-key' });
    expect([again.status, again.body.id, again.body.status]).toEqual([200, id, 'paid']);
    expectProblem(await client.buy(sale.id, sale.buyerOf(0)), 'SALE_CLOSED');
  });
});

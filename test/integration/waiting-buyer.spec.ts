import { OrderFollowup, OrderStore } from '../../src/order';
import { Recovery } from '../../src/reconciliation';
import { StockReader } from '../../src/stock';
import { TestProduct } from '../support/product';
import { until } from '../support/until';

/** Without the worker role the row comes when a test writes it. */
describe('a buyer who waits for his order', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start({ ROLES: 'api' }); });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => product.stop());

  it('asks the database every 500 ms, and gets 202 when his time is over', async () => {
    const saleId = await product.client.openSale();
    const looks = jest.spyOn(product.get(OrderStore), 'find');
    const { status } = await product.client.buy(saleId, 'ann', { headers: { prefer: 'wait=2' } });
    expect(status).toBe(202);
    expect(looks.mock.calls.length).toBeGreaterThan(0);
    expect(looks.mock.calls.length).toBeLessThanOrEqual(4);
  });

  it('is answered with his order once its row is written and announced', async () => {
    const saleId = await product.client.openSale();
    const answer = product.client.buy(saleId, 'ann', { headers: { prefer: 'wait=20' } });
    await until('the units are held', async () =>
      (await product.get(StockReader).audit(saleId)).reserved === 1);
    await product.get(Recovery).recover(saleId, 'drill'); // which writes what is held
    for await (const orders of product.get(OrderStore).ofSale(saleId)) {
      await product.get(OrderFollowup).apply(saleId, orders);
    }
    const { status, body } = await answer;
    expect([status, body.status]).toEqual([201, 'pending_payment']);
  });
});

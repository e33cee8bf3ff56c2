import { OrderFollowup, OrderStore } from '../../src/order';
import { Recovery } from '../../src/reconciliation';
import { StockReader } from '../../src/stock';
import { TestProduct } from '../support/product';
import { until } from '../support/until';

/** Less what a timer may be early. */
const betweenLooksMs = 490;
const waitMs = 1_990;

jest.setTimeout(180_000);

/** Without the worker role the row comes when a test writes it. */
describe('a buyer who waits for his order', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start({ ROLES: 'api' }); });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => product.stop());

  it('asks the database every 500 ms, and gets 202 when his time is over', async () => {
    const saleId = await product.client.openSale();
    const store = product.get(OrderStore);
    const find = store.find.bind(store);
    const looks: number[] = [];
    jest.spyOn(store, 'find').mockImplementation((...asked) => {
      looks.push(performance.now());
      return find(...asked);
    });
    const startedAt = performance.now();
    const { status } = await product.client.buy(saleId, 'ann', { headers: { prefer: 'wait=2' } });
    expect(performance.now() - startedAt).toBeGreaterThan(waitMs);
    expect(status).toBe(202);
    expect(looks.length).toBeGreaterThan(0);
    // The last pause ends with his time.
    const pausesMs = looks.slice(0, -1).map((at, look) => at - (looks[look - 1] ?? startedAt));
    expect(pausesMs.filter((pauseMs) => pauseMs < betweenLooksMs)).toEqual([]);
  });

  it('is answered with his order once its row is written and announced', async () => {
    const saleId = await product.client.openSale();
    const answer = product.client.buy(saleId, 'ann', { headers: { prefer: 'wait=30' } });
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

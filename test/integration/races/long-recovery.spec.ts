import { Database } from '../../../src/infra/database';
import { OrderWriter } from '../../../src/order';
import { Recovery } from '../../../src/reconciliation';
import { StockGate } from '../../../src/stock';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

const nobody = { source: 'test', ip: '', traceId: '0'.repeat(32) };
const buyers = 1_200;
const atOnce = 100;

describe('a recovery that has much to write', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start({ ROLES: 'api' }); });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => product.stop());

  /** Every batch takes a minute, by the only clock that does not jump. */
  function slowDown(writer: OrderWriter): jest.SpyInstance {
    const now = performance.now.bind(performance);
    const write = writer.write.bind(writer);
    let laterMs = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => now() + laterMs);
    return jest.spyOn(writer, 'write').mockImplementation(async (...batch) => {
      laterMs += 60_000;
      return write(...batch);
    });
  }

  it('gives up nobody whose units are there, however long the database takes', async () => {
    const saleId = await product.client.openSale({ stock: buyers });
    const gate = product.get(StockGate);
    for (let first = 0; first < buyers; first += atOnce) {
      await Promise.all(Array.from({ length: atOnce }, (_, index) => {
        const userId = `buyer-${first + index}`;
        const rid = gate.idOf(userId, saleId, 'key');
        // Redis may be too busy for one answer or the other: who asks again holds the same unit.
        return until(`${userId} holds a unit`, async () => {
          const outcome = await gate.reserve({ ...nobody, rid, saleId, userId, quantity: 1 })
            .catch(() => undefined);
          return outcome?.kind === 'held' || outcome?.kind === 'replayed';
        });
      }));
    }
    const batches = slowDown(product.get(OrderWriter));
    expect(await product.get(Recovery).recover(saleId, 'drill')).toBe(true);
    expect(batches.mock.calls.length).toBeGreaterThan(1);
    expect(await product.get(Database).query(
      'SELECT status, COUNT(*) AS orders FROM orders WHERE sale_id = ? GROUP BY status', [saleId]))
      .toEqual([{ status: 'pending_payment', orders: buyers }]);
  }, 180_000);
});

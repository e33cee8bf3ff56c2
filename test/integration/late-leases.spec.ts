import { LeaseSweep } from '../../src/order';
import { OrderBacklog } from '../../src/order/order-backlog';
import { SaleCatalog } from '../../src/sale';
import { StockReader, StockRedis } from '../../src/stock';
import { TestProduct } from '../support/product';

const longAgoMs = 1;

/** Without the worker role only the test sweeps; a page of it is one reservation. */
describe('reservations whose leases ran out before they have orders', () => {
  let product: TestProduct;

  beforeAll(async () => {
    product = await TestProduct.start({ ROLES: 'api' });
    const reader = product.get(StockReader);
    const overdue = reader.overdue.bind(reader);
    jest.spyOn(reader, 'overdue').mockImplementation((saleId, nowMs) => overdue(saleId, nowMs, 1));
  });

  afterAll(async () => {
    jest.restoreAllMocks();
    await product.stop();
  });

  /** Resolves to what sweeps once, and tells how many leases are over still. */
  async function overdueSale(reservations: number) {
    const saleId = await product.client.openSale({ stock: reservations });
    const redis = product.get(StockRedis);
    const { due } = redis.keys(saleId);
    for (let buyer = 0; buyer < reservations; buyer += 1) {
      const { body: { id } } = await product.client.buy(saleId, `buyer-${buyer}`);
      await redis.connections.general.zadd(due, longAgoMs, id);
    }
    const sale = await product.get(SaleCatalog).find(saleId);
    if (!sale) throw new Error(`There is no sale ${saleId}`);
    return async () => {
      await product.get(LeaseSweep).sweep(sale);
      return redis.connections.general.zcount(due, 0, longAgoMs);
    };
  }

  it('are all looked after at once where the queue keeps up', async () => {
    const sweep = await overdueSale(3);
    expect(await sweep()).toBe(0);
  });

  it('are looked after page by page, none left out, while the queue is behind', async () => {
    const isLate = jest.spyOn(product.get(OrderBacklog), 'isLate').mockReturnValue(true);
    const sweep = await overdueSale(3);
    expect([await sweep(), await sweep(), await sweep()]).toEqual([2, 1, 0]);
    isLate.mockRestore();
  });
});

import { RedisConnections } from '../../src/infra/redis';
import { SaleCatalog } from '../../src/sale';
import { StockRedis, type SaleKeys } from '../../src/stock';
import { PaymentProduct } from '../support/payment-product';

/** Long after its end the database alone knows a sale; what Redis still has must not matter. */
describe.each([
  ['Redis has forgotten it', (product: PaymentProduct, keys: SaleKeys) =>
    product.get(RedisConnections).general.unlink(Object.values(keys) as string[])],
  ['Redis brought it back from an old snapshot', (product: PaymentProduct, keys: SaleKeys) =>
    product.get(RedisConnections).general.hset(keys.meta, 'boot', 'run-id-before-the-restart')],
])('a retired sale: %s', (_how, forge) => {
  let product: PaymentProduct;

  beforeAll(async () => { product = await PaymentProduct.start(); });
  afterAll(() => product.stop());

  async function retire(saleId: string): Promise<void> {
    await product.tables.execute(
      `UPDATE sales SET opens_at = NOW(3) - INTERVAL 3 DAY, closes_at = NOW(3) - INTERVAL 2 DAY,
        retired_at = NOW(3) WHERE id = ?`, [saleId]);
    await product.get(SaleCatalog).announce(saleId);
    await forge(product, product.get(StockRedis).keys(saleId));
  }

  it('answers the earlier order to its key, and sells nothing more', async () => {
    const { client } = product;
    const saleId = await client.openSale({ limitPerUser: 2 });
    const { id } = await client.order(saleId, 'alice', { key: 'key-of-alice' });
    await client.pay(id, 'alice');
    await retire(saleId);
    const again = await client.buy(saleId, 'alice', { key: 'key-of-alice' });
    expect([again.status, again.body.id, again.body.status]).toEqual([200, id, 'paid']);
    const other = await client.buy(saleId, 'alice', { key: 'key-of-alice', quantity: 2 });
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    for (const buyer of ['alice', 'bob']) {
      const { status, body } = await client.buy(saleId, buyer);
      expect([status, body.code]).toEqual([409, 'SALE_CLOSED']);
    }
  });

  it('sends late money back', async () => {
    const saleId = await product.client.openSale();
    const data = await product.startedPayment(saleId);
    await product.client.cancel(data.orderId, 'alice');
    await retire(saleId);
    expect((await product.deliver('payment.succeeded', data)).status).toBe(200);
    expect(await product.refunded(data.orderId)).toMatchObject(
      { status: 'refunded', reason: 'SALE_CLOSED' });
    expect(await product.refundedAmount(data.paymentId)).toBe(data.amount);
    expect(await product.statusOf(data.orderId)).toBe('cancelled');
  });
});

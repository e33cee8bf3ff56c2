import { OrderFreeze, OrderLife } from '../../../src/order';
import { PaymentSteps } from '../../../src/payment/payment-steps';
import { afterNext } from '../../support/after-next';
import { reviewer } from '../../support/freezing';
import { PaymentProduct, type WebhookData } from '../../support/payment-product';

jest.setTimeout(180_000);

describe('money for an order under review', () => {
  let product: PaymentProduct;

  beforeAll(async () => { product = await PaymentProduct.start(); });
  afterAll(() => product.stop());

  /** An order of alice with a payment that the provider knows, then frozen. */
  async function frozenPayment(): Promise<{ saleId: string; data: WebhookData }> {
    const saleId = await product.client.openSale({ payWindowSeconds: 600 });
    const data = await product.startedPayment(saleId);
    await product.get(OrderFreeze).freeze('alice', reviewer);
    expect(await product.statusOf(data.orderId)).toBe('frozen');
    return { saleId, data };
  }

  const thaw = (rid: string) => product.get(OrderFreeze).thaw([rid], reviewer);
  const succeed = (data: WebhookData) => product.deliver('payment.succeeded', data);

  async function expectRefunded({ paymentId, orderId, amount }: WebhookData, reason: string) {
    await product.refunded(orderId);
    const { body } = await product.read(orderId);
    expect(body).toMatchObject({ paymentId, status: 'refunded' });
    const [row] = await product.tables.query<{ reason: string }>(
      'SELECT reason FROM payments WHERE id = ?', [paymentId]);
    expect(row?.reason).toBe(reason);
    expect(await product.refundedAmount(paymentId)).toBe(amount);
  }

  it('goes back, and buys nothing, while the order is frozen', async () => {
    const { saleId, data } = await frozenPayment();
    await succeed(data);
    await expectRefunded(data, 'ORDER_FROZEN');
    expect(await product.client.atRest(saleId))
      .toMatchObject({ database: { allocated: 0 }, redis: { available: 10 } });
  });

  it('goes back, and buys nothing, once the order is cancelled by a ban', async () => {
    const { saleId, data } = await frozenPayment();
    await product.get(OrderFreeze).cancelFrozen([data.orderId], 'BANNED', reviewer);
    await succeed(data);
    await expectRefunded(data, 'BANNED');
    expect(await product.client.atRest(saleId)).toMatchObject({ database: { allocated: 0 } });
  });

  it('pays the thawed order when it comes after the review, though it was started before',
    async () => {
      const { data } = await frozenPayment();
      await thaw(data.orderId);
      await succeed(data);
      expect(await product.statusOf(data.orderId)).toBe('paid');
      expect(await product.refundedAmount(data.paymentId)).toBe(0);
    });

  it('goes back with the order, if that was thawed and paid by it while it was found too late',
    async () => {
      const { saleId, data } = await frozenPayment();
      const life = product.get(OrderLife);
      afterNext(life, 'pay', () => true, async () => {
        await thaw(data.orderId);
        expect(await life.pay(data.orderId)).toEqual({ kind: 'paid' });
      });
      await succeed(data);
      await expectRefunded(data, 'ORDER_FROZEN');
      expect(await product.statusOf(data.orderId)).toBe('refunded');
      expect(await product.client.atRest(saleId))
        .toMatchObject({ database: { allocated: 0 }, redis: { available: 10 } });
    });

  it('that went back is followed by another payment, which pays the thawed order', async () => {
    const { saleId, data } = await frozenPayment();
    await succeed(data);
    await thaw(data.orderId);
    const again = await Promise.all([1, 2, 3].map(() => product.startPayment(data.orderId)));
    const ids = new Set(again.map(({ paymentId }) => paymentId));
    expect(ids.size).toBe(1);
    expect(ids).not.toContain(data.paymentId);
    await succeed({ ...data, paymentId: [...ids][0] ?? '' });
    expect(await product.statusOf(data.orderId)).toBe('paid');
    expect((await product.read(data.orderId)).body).toMatchObject({ status: 'succeeded' });
    // The first is told of again; then a worker that was slow to send it back goes on.
    await succeed(data);
    await product.tables.execute(
      `UPDATE payments SET status = 'refunding', next_check_at = NOW(3) WHERE id = ?`,
      [data.paymentId]);
    await product.get(PaymentSteps).advance(data.paymentId, reviewer);
    expect(await product.statusOf(data.orderId)).toBe('paid');
    expect(await product.client.atRest(saleId)).toMatchObject({ database: { paid: 1 } });
  });

  it('is asked about for as long as the thawed order may be paid', async () => {
    const { data } = await frozenPayment();
    await product.tables.execute(
      `UPDATE payments SET pay_before = NOW(3) - INTERVAL 3 DAY, next_check_at = NULL
        WHERE id = ?`, [data.paymentId]);
    await thaw(data.orderId);
    expect((await product.startPayment(data.orderId)).paymentId).toBe(data.paymentId);
    const [row] = await product.tables.query<{ isAsked: number; isLonger: number }>(
      `SELECT next_check_at IS NOT NULL AS isAsked, pay_before > NOW(3) AS isLonger
        FROM payments WHERE id = ?`, [data.paymentId]);
    expect(row).toEqual({ isAsked: 1, isLonger: 1 });
  });
});

import { OrderFreeze, OrderLife, OrderStore } from '../../../src/order';
import { PaymentCheck } from '../../../src/payment/payment-check';
import { PaymentSteps } from '../../../src/payment/payment-steps';
import { PaymentStore } from '../../../src/payment/payment-store';
import { SandboxGateway } from '../../../src/payment/sandbox/sandbox-gateway';
import { afterNext } from '../../support/after-next';
import { reviewer } from '../../support/freezing';
import { PaymentProduct, type WebhookData } from '../../support/payment-product';
import { until } from '../../support/until';

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

  it('that went back is followed by one that counts as later, though the clock went back', async () => {
    const { data } = await frozenPayment();
    await product.tables.execute(
      'UPDATE payments SET created_at = NOW(3) + INTERVAL 1 HOUR WHERE id = ?', [data.paymentId]);
    await succeed(data);
    await thaw(data.orderId);
    await succeed(await product.startPayment(data.orderId));
    expect(await product.statusOf(data.orderId)).toBe('paid');
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

  describe('and a worker that stalls meanwhile', () => {
    const advance = ({ paymentId }: WebhookData) =>
      product.get(PaymentSteps).advance(paymentId, reviewer);

    type Stall = (data: WebhookData, meanwhile: () => Promise<unknown>) => void;

    /** The next who has looked at the order goes on only after this. */
    const stall: Stall = ({ orderId }, meanwhile) => {
      afterNext(product.get(OrderStore), 'find', (rid) => rid === orderId, meanwhile);
    };
    /** The same for who has looked which payment is the order's. */
    const stallLater: Stall = ({ orderId }, meanwhile) => {
      afterNext(product.get(PaymentStore), 'ofOrder', (rid) => rid === orderId, meanwhile);
    };

    async function leaveAs(status: 'received' | 'refunding', { paymentId }: WebhookData) {
      await product.tables.execute('UPDATE payments SET status = ?, reason = ? WHERE id = ?',
        [status, status === 'refunding' ? 'ORDER_FROZEN' : null, paymentId]);
    }

    async function payAnew(data: WebhookData): Promise<WebhookData> {
      const next = await product.startPayment(data.orderId);
      expect(next.paymentId).not.toBe(data.paymentId);
      await succeed(next);
      return next;
    }

    it('before it pays the order with what has gone back by then', async () => {
      const saleId = await product.client.openSale({ payWindowSeconds: 600 });
      const data = await product.startedPayment(saleId);
      await leaveAs('received', data);
      stall(data, async () => {
        await product.get(OrderFreeze).freeze('alice', reviewer);
        expect(await advance(data)).toMatchObject({ status: 'refunded' });
        await thaw(data.orderId);
      });
      await advance(data);
      expect(await product.statusOf(data.orderId)).toBe('pending_payment');
      await payAnew(data);
      expect(await product.statusOf(data.orderId)).toBe('paid');
      expect(await product.client.atRest(saleId)).toMatchObject({ database: { paid: 1 } });
    });

    // Versions before migration 15 do not write which payment it was.
    it.each([
      { stalls: stallLater, rowSaysWhich: true },
      { stalls: stall, rowSaysWhich: true },
      { stalls: stall, rowSaysWhich: false },
    ])('before it gives back an order that another payment has paid by then (%j)', async (
      { stalls, rowSaysWhich }) => {
      const { saleId, data } = await frozenPayment();
      await leaveAs('refunding', data);
      stalls(data, async () => {
        expect(await advance(data)).toMatchObject({ status: 'refunded' });
        await thaw(data.orderId);
        await payAnew(data);
        await product.tables.execute('UPDATE orders SET payment_id = IF(?, payment_id, NULL) WHERE rid = ?',
          [rowSaysWhich, data.orderId]);
      });
      await advance(data);
      expect(await product.statusOf(data.orderId)).toBe('paid');
      expect(await product.refundedAmount(data.paymentId)).toBe(data.amount);
      expect(await product.client.atRest(saleId)).toMatchObject({ database: { paid: 1 } });
    });
  });

  describe('that nobody hears of', () => {
    /** In how many seconds it is asked about, in full quarters of a minute. */
    async function nextCheck({ paymentId }: WebhookData): Promise<number | null | undefined> {
      const [row] = await product.tables.query<{ seconds: number | null }>(
        `SELECT 15 * CEIL(TIMESTAMPDIFF(SECOND, NOW(3), next_check_at) / 15) AS seconds
          FROM payments WHERE id = ?`, [paymentId]);
      return row?.seconds;
    }

    async function age({ paymentId }: WebhookData, next: string): Promise<void> {
      await product.tables.execute(
        `UPDATE payments SET checks = 20, pay_before = NOW(3) - INTERVAL 3 DAY, next_check_at = ${next}
          WHERE id = ?`, [paymentId]);
    }

    // The product's own schedule may have taken it a moment before.
    const askedInFiveMinutes = (data: WebhookData) =>
      until('it is asked about in five minutes again', async () => await nextCheck(data) === 300);
    const askedAsAtFirst = (data: WebhookData) =>
      until('it is asked about as at first', async () => await nextCheck(data) === 15);

    it('is looked for while the order is frozen, and as at first once it is thawed', async () => {
      const { data } = await frozenPayment();
      await age(data, 'NOW(3)');
      await product.checkDue();
      await askedInFiveMinutes(data);
      await thaw(data.orderId);
      await askedAsAtFirst(data);
      // The buyer pays at the checkout that he has had open all the time.
      await product.tables.execute("UPDATE sandbox_payments SET status = 'succeeded' WHERE id = ?",
        [data.paymentId]);
      await product.makeDue();
      await product.checkDue();
      await until('it is found', async () => await product.statusOf(data.orderId) === 'paid');
    });

    it.each(['started', 'failed'])('is looked for again once the order is thawed, though its payment '
      + 'is %s and had been given up', async (status) => {
      const { data } = await frozenPayment();
      await product.tables.execute('UPDATE payments SET status = ? WHERE id = ?',
        [status, data.paymentId]);
      await age(data, 'NULL');
      await thaw(data.orderId);
      await askedAsAtFirst(data);
    });

    it('is looked for as often while the provider refuses to tell', async () => {
      const { data } = await frozenPayment();
      const asked = jest.spyOn(product.get(SandboxGateway), 'query')
        .mockRejectedValue(new Error('503 Service Unavailable'));
      try {
        await age(data, 'NOW(3)');
        await product.get(PaymentCheck).checkDue(() => undefined);
        await askedInFiveMinutes(data);
        expect(asked).toHaveBeenCalled();
        await thaw(data.orderId);
        await askedAsAtFirst(data);
      } finally {
        asked.mockRestore();
      }
    });
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

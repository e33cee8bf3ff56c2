import { PaymentCheck } from '../../src/payment/payment-check';
import { PaymentSteps } from '../../src/payment/payment-steps';
import { startPaymentApplication, type PaymentApplication, type WebhookData }
  from '../support/payment-application';

const cause = { source: 'payment_schedule', ip: '', traceId: '0'.repeat(32) };

describe('money that arrives late', () => {
  let product: PaymentApplication;

  beforeAll(async () => { product = await startPaymentApplication(); });
  afterAll(() => product.stop());

  async function expiredPayment(saleId: string): Promise<WebhookData> {
    const data = await product.startPayment('alice', await product.buy('alice', saleId));
    await product.letExpire(data.orderId);
    return data;
  }

  async function cancelledPayment(saleId: string): Promise<WebhookData> {
    const data = await product.startPayment('alice', await product.buy('alice', saleId));
    await product.call('alice', 'POST', `/v1/orders/${data.orderId}/cancel`);
    return data;
  }

  /** As if the process had died right after it had noted what the gateway said. */
  async function leaveAs(status: 'received' | 'late' | 'refunding', { paymentId }: WebhookData) {
    await product.tables.execute(
      'UPDATE payments SET status = ?, next_check_at = NOW(3) WHERE id = ?', [status, paymentId]);
  }

  function checkDue(): Promise<void> {
    return product.application.get(PaymentCheck, { strict: false })
      .checkDue((_id, error) => { throw error; });
  }

  function advance(paymentId: string) {
    return product.application.get(PaymentSteps, { strict: false }).advance(paymentId, cause);
  }

  async function ordersOf(saleId: string): Promise<string[]> {
    const rows = await product.tables.query<{ status: string }>(
      'SELECT status FROM orders WHERE sale_id = ? ORDER BY status', [saleId]);
    return rows.map(({ status }) => status);
  }

  async function expectBooksToBalance(saleId: string, paid: number): Promise<void> {
    const { body } = await product.call('operator', 'GET', `/admin/v1/sales/${saleId}/stock`,
      undefined, {}, ['admin']);
    expect(body).toMatchObject({ database: { allocated: paid, pendingPayment: 0, paid }, drift: 0 });
  }

  it('pays a new order for the same units while there are some', async () => {
    const saleId = await product.openSale(1);
    const data = await expiredPayment(saleId);
    expect((await product.deliver('payment.succeeded', data)).status).toBe(200);
    const { body } = await product.call('alice', 'GET', `/v1/orders/${data.orderId}/payment`);
    expect(body).toMatchObject({ status: 'applied', paymentId: data.paymentId });
    const replacementId = String(body['replacementOrderId']);
    expect(await product.statusOf(data.orderId)).toBe('expired');
    expect(await product.statusOf(replacementId)).toBe('paid');
    const ofReplacement = await product.call('alice', 'GET', `/v1/orders/${replacementId}/payment`);
    expect(ofReplacement.body).toEqual(body);
    expect(await product.auditOf(data.paymentId)).toEqual(['payment.late', 'payment.applied']);
    expect(await product.refundedAmount(data.paymentId)).toBe(0);
    await expectBooksToBalance(saleId, 1);
  });

  it('does the same after the buyer has cancelled', async () => {
    const saleId = await product.openSale(1);
    const data = await cancelledPayment(saleId);
    await product.deliver('payment.succeeded', data);
    expect(await product.payment(data.orderId)).toMatchObject({ status: 'applied' });
    await expectBooksToBalance(saleId, 1);
  });

  it('goes back once when the units are gone, however often it is announced', async () => {
    const saleId = await product.openSale(1);
    const data = await cancelledPayment(saleId);
    await product.buy('bob', saleId);
    await Promise.all([product.deliver('payment.succeeded', data),
      product.deliver('payment.succeeded', data)]);
    await product.deliver('payment.succeeded', data);
    const { body } = await product.call('alice', 'GET', `/v1/orders/${data.orderId}/payment`);
    expect(body).toMatchObject({ status: 'refunded', reason: 'SOLD_OUT',
      refundedAt: expect.stringMatching(/^\d{4}-.*Z$/) as string });
    expect(await product.refundedAmount(data.paymentId)).toBe(data.amount);
    expect(await product.auditOf(data.paymentId))
      .toEqual(['payment.late', 'payment.refunding', 'payment.refunded']);
    expect(await ordersOf(saleId)).toEqual(['cancelled', 'pending_payment']);
  });

  it('goes back when the sale is over', async () => {
    const saleId = await product.openSale(1);
    const data = await expiredPayment(saleId);
    await product.call('operator', 'POST', `/admin/v1/sales/${saleId}/close`, undefined, {},
      ['admin']);
    await product.deliver('payment.succeeded', data);
    expect(await product.payment(data.orderId))
      .toMatchObject({ status: 'refunded', reason: 'SALE_CLOSED' });
    expect(await product.refundedAmount(data.paymentId)).toBe(data.amount);
  });

  it('goes back, and buys nothing, when the order was frozen', async () => {
    const saleId = await product.openSale(2);
    const data = await product.startPayment('alice', await product.buy('alice', saleId));
    await product.tables.execute("UPDATE orders SET status = 'frozen' WHERE rid = ?",
      [data.orderId]);
    await product.deliver('payment.succeeded', data);
    expect(await product.payment(data.orderId))
      .toMatchObject({ status: 'refunded', reason: 'ORDER_FROZEN' });
    expect(await ordersOf(saleId)).toEqual(['frozen']);
  });

  it('takes units once when four workers find it at once', async () => {
    const saleId = await product.openSale(10);
    const data = await expiredPayment(saleId);
    await leaveAs('received', data);
    await Promise.all([advance(data.paymentId), advance(data.paymentId), advance(data.paymentId),
      checkDue()]);
    expect(await product.payment(data.orderId)).toMatchObject({ status: 'applied' });
    expect(await ordersOf(saleId)).toEqual(['expired', 'paid']);
    await expectBooksToBalance(saleId, 1);
  });

  it('is refunded once when four workers find it at once', async () => {
    const saleId = await product.openSale(1);
    const data = await expiredPayment(saleId);
    await leaveAs('refunding', data);
    await Promise.all([advance(data.paymentId), advance(data.paymentId), advance(data.paymentId),
      checkDue()]);
    expect(await product.payment(data.orderId)).toMatchObject({ status: 'refunded' });
    expect(await product.refundedAmount(data.paymentId)).toBe(data.amount);
    expect(await product.auditOf(data.paymentId)).toEqual(['payment.refunded']);
  });

  it.each(['received', 'late', 'refunding'] as const)(
    'is finished by the schedule when the process died while it was %s', async (status) => {
      const saleId = await product.openSale(1);
      const data = await cancelledPayment(saleId);
      await leaveAs(status, data);
      await checkDue();
      expect(await product.payment(data.orderId))
        .toMatchObject({ status: status === 'refunding' ? 'refunded' : 'applied' });
    });

  it('goes on with the units it had taken when the process died before it paid for them', async () => {
    const saleId = await product.openSale(1);
    const data = await expiredPayment(saleId);
    await product.deliver('payment.succeeded', data);
    const replacementId = (await product.payment(data.orderId))?.replacement_rid ?? '';
    await product.tables.execute(
      "UPDATE orders SET status = 'pending_payment', paid_at = NULL WHERE rid = ?", [replacementId]);
    await leaveAs('late', data);
    await checkDue();
    expect(await product.payment(data.orderId))
      .toMatchObject({ status: 'applied', replacement_rid: replacementId });
    expect(await product.statusOf(replacementId)).toBe('paid');
    await expectBooksToBalance(saleId, 1);
  });

  it('goes back when the buyer has begun to pay for the new order by himself', async () => {
    const saleId = await product.openSale(1);
    const data = await cancelledPayment(saleId);
    // The buyer makes the very reservation that the late money would make.
    const bought = await product.call('alice', 'POST', `/v1/sales/${saleId}/orders`, { quantity: 1 },
      { 'idempotency-key': `late:${data.paymentId}`, 'prefer': 'wait=10' });
    const own = await product.startPayment('alice', String(bought.body['id']));
    await product.deliver('payment.succeeded', data);
    await product.deliver('payment.succeeded', own);
    expect(await product.payment(data.orderId))
      .toMatchObject({ status: 'refunded', reason: 'PAID_OTHERWISE' });
    expect(await product.payment(own.orderId)).toMatchObject({ status: 'succeeded' });
    expect(await product.statusOf(own.orderId)).toBe('paid');
    await expectBooksToBalance(saleId, 1);
  });

  it('gives the new order back, too, when the provider sends the money back later', async () => {
    const saleId = await product.openSale(1);
    const data = await expiredPayment(saleId);
    await product.deliver('payment.succeeded', data);
    const replacementId = (await product.payment(data.orderId))?.replacement_rid ?? '';
    await product.deliver('refund.succeeded', data);
    expect(await product.payment(data.orderId)).toMatchObject({ status: 'refunded' });
    expect(await product.statusOf(replacementId)).toBe('refunded');
    await expectBooksToBalance(saleId, 0);
  });
});

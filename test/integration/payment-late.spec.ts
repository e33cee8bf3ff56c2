import { OrderWriter } from '../../src/order';
import { PaymentSteps } from '../../src/payment/payment-steps';
import { StockRedis } from '../../src/stock';
import { memoryLeaseMs } from '../../src/stock/sold-out-sales';
import { admin } from '../support/client';
import { PaymentProduct, type WebhookData } from '../support/payment-product';
import { until } from '../support/until';

const cause = { source: 'payment_schedule', ip: '', traceId: '0'.repeat(32) };

const owing = ['received', 'late', 'refunding'];

jest.setTimeout(180_000);

describe('money that arrives late', () => {
  let product: PaymentProduct;

  beforeAll(async () => { product = await PaymentProduct.start(); });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => product.stop());

  async function expiredPayment(saleId: string): Promise<WebhookData> {
    const data = await product.startedPayment(saleId);
    await product.letExpire(data.orderId);
    return data;
  }

  async function cancelledPayment(saleId: string): Promise<WebhookData> {
    const data = await product.startedPayment(saleId);
    await product.client.cancel(data.orderId, 'alice');
    return data;
  }

  /** As if the process had died right after it had noted what the gateway said. */
  async function leaveAs(status: 'received' | 'late' | 'refunding', { paymentId }: WebhookData) {
    await product.tables.execute(
      'UPDATE payments SET status = ?, next_check_at = NOW(3) WHERE id = ?', [status, paymentId]);
  }

  function advance(paymentId: string) {
    return product.get(PaymentSteps).advance(paymentId, cause);
  }

  /** The money comes. Only what has waited 2 s for a row in vain is left to the schedule. */
  async function arrive(data: WebhookData) {
    const startedAt = performance.now();
    const answer = await product.deliver('payment.succeeded', data);
    const payment = await product.payment(data.orderId);
    const tookMs = performance.now() - startedAt;
    if (owing.includes(payment?.status ?? '')) expect(tookMs).toBeGreaterThan(1_000);
    return answer;
  }

  /** The payment once all has been done, on a busy machine by the schedule. */
  function settled({ orderId }: WebhookData) {
    return until('nothing is owed any more', async () => {
      const payment = await product.payment(orderId);
      return payment && !owing.includes(payment.status) && payment;
    }, 90_000);
  }

  async function ordersOf(saleId: string): Promise<string[]> {
    const rows = await product.tables.query<{ status: string }>(
      'SELECT status FROM orders WHERE sale_id = ? ORDER BY status', [saleId]);
    return rows.map(({ status }) => status);
  }

  async function expectBooksToBalance(saleId: string, paid: number): Promise<void> {
    expect(await product.client.atRest(saleId)).toMatchObject({ drift: 0,
      database: { allocated: paid, pendingPayment: 0, paid } });
  }

  it('pays a new order for the same units while there are some', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    const data = await expiredPayment(saleId);
    expect((await arrive(data)).status).toBe(200);
    await settled(data);
    const { body } = await product.read(data.orderId);
    expect(body).toMatchObject({ status: 'applied', paymentId: data.paymentId });
    const replacementId = String(body.replacementOrderId);
    expect(await product.statusOf(data.orderId)).toBe('expired');
    expect(await product.statusOf(replacementId)).toBe('paid');
    const ofReplacement = await product.read(replacementId);
    expect(ofReplacement.body).toEqual(body);
    expect(await product.auditOf(data.paymentId)).toEqual(['payment.applied', 'payment.late']);
    expect(await product.refundedAmount(data.paymentId)).toBe(0);
    await expectBooksToBalance(saleId, 1);
  });

  it('buys its unit again also while processes refuse the crowd from memory', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    const data = await expiredPayment(saleId);
    const redis = product.get(StockRedis);
    const { general } = redis.connections;
    const [seconds, microseconds] = (await general.time()).map(Number);
    await general.hset(redis.keys(saleId).meta, 'reopens',
      Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000) + memoryLeaseMs);
    await arrive(data);
    expect(await settled(data)).toMatchObject({ status: 'applied' });
    await expectBooksToBalance(saleId, 1);
  });

  it('does the same after the buyer has cancelled', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    const data = await cancelledPayment(saleId);
    await arrive(data);
    expect(await settled(data)).toMatchObject({ status: 'applied' });
    await expectBooksToBalance(saleId, 1);
  });

  it('goes back once when the units are gone, however often it is announced', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    const data = await cancelledPayment(saleId);
    await product.client.order(saleId, 'bob');
    await Promise.all([product.deliver('payment.succeeded', data),
      product.deliver('payment.succeeded', data)]);
    await product.deliver('payment.succeeded', data);
    await settled(data);
    const { body } = await product.read(data.orderId);
    expect(body).toMatchObject({ status: 'refunded', reason: 'SOLD_OUT',
      refundedAt: expect.stringMatching(/^\d{4}-.*Z$/) as string });
    expect(await product.refundedAmount(data.paymentId)).toBe(data.amount);
    expect(await product.auditOf(data.paymentId))
      .toEqual(['payment.late', 'payment.refunded', 'payment.refunding']);
    expect(await ordersOf(saleId)).toEqual(['cancelled', 'pending_payment']);
  });

  it.each(['user', 'device'])('goes back when its %s has been excluded since', async (kind) => {
    const saleId = await product.client.openSale({ stock: 1 });
    const data = await expiredPayment(saleId);
    await product.tables.execute('UPDATE orders SET device_id = ? WHERE rid = ?', ['phone', data.orderId]);
    const entry = `/admin/v1/blacklist/${kind}/${kind === 'user' ? 'alice' : 'phone'}`;
    await product.client.call('PUT', entry, { as: admin, body: { reason: 'A ring' } });
    await arrive(data);
    expect(await settled(data)).toMatchObject({ status: 'refunded', reason: 'BLACKLISTED' });
    expect(await product.refundedAmount(data.paymentId)).toBe(data.amount);
    await expectBooksToBalance(saleId, 0);
    await product.client.call('DELETE', entry, { as: admin });
  });

  it('goes back when the sale is over', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    const data = await expiredPayment(saleId);
    await product.client.operate(saleId, 'close');
    await arrive(data);
    expect(await settled(data))
      .toMatchObject({ status: 'refunded', reason: 'SALE_CLOSED' });
    expect(await product.refundedAmount(data.paymentId)).toBe(data.amount);
  });

  it('goes back, and buys nothing, when the order was frozen', async () => {
    const saleId = await product.client.openSale({ stock: 2 });
    const data = await product.startedPayment(saleId);
    await product.tables.execute("UPDATE orders SET status = 'frozen' WHERE rid = ?",
      [data.orderId]);
    await arrive(data);
    expect(await settled(data))
      .toMatchObject({ status: 'refunded', reason: 'ORDER_FROZEN' });
    expect(await ordersOf(saleId)).toEqual(['frozen']);
  });

  it('takes units once when four workers find it at once', async () => {
    const saleId = await product.client.openSale({ stock: 10 });
    const data = await expiredPayment(saleId);
    await leaveAs('received', data);
    await Promise.all([advance(data.paymentId), advance(data.paymentId), advance(data.paymentId),
      product.checkDue()]);
    expect(await settled(data)).toMatchObject({ status: 'applied' });
    expect(await ordersOf(saleId)).toEqual(['expired', 'paid']);
    await expectBooksToBalance(saleId, 1);
  });

  it('pays no order whose row appears when the money is on its way back', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    const data = await cancelledPayment(saleId);
    const writer = product.get(OrderWriter);
    const write = writer.write.bind(writer);
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((resolve) => { letGo = resolve; });
    jest.spyOn(writer, 'write').mockImplementation(async (...batch) => {
      await held;
      return write(...batch);
    });
    await leaveAs('late', data);
    const first = advance(data.paymentId); // takes the units, and waits for the row
    await until('the units are meant for it', async () =>
      (await product.payment(data.orderId))?.replacement_rid !== null);
    const entry = '/admin/v1/blacklist/user/alice';
    await product.client.call('PUT', entry, { as: admin, body: { reason: 'A ring' } });
    expect(await advance(data.paymentId)).toMatchObject({ status: 'refunded', reason: 'BLACKLISTED' });
    letGo();
    expect(await first).toMatchObject({ status: 'refunded' });
    expect(await product.refundedAmount(data.paymentId)).toBe(data.amount);
    await expectBooksToBalance(saleId, 0);
    expect(await ordersOf(saleId)).toEqual(['cancelled', 'cancelled']);
    await product.client.call('DELETE', entry, { as: admin });
  });

  it('is refunded once when four workers find it at once', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    const data = await expiredPayment(saleId);
    await leaveAs('refunding', data);
    await Promise.all([advance(data.paymentId), advance(data.paymentId), advance(data.paymentId),
      product.checkDue()]);
    expect(await settled(data)).toMatchObject({ status: 'refunded' });
    expect(await product.refundedAmount(data.paymentId)).toBe(data.amount);
    expect(await product.auditOf(data.paymentId)).toEqual(['payment.refunded']);
  });

  it.each(['received', 'late', 'refunding'] as const)(
    'is finished by the schedule when the process died while it was %s', async (status) => {
      const saleId = await product.client.openSale({ stock: 1 });
      const data = await cancelledPayment(saleId);
      await leaveAs(status, data);
      await product.checkDue();
      expect(await settled(data))
        .toMatchObject({ status: status === 'refunding' ? 'refunded' : 'applied' });
    });

  it('pays for the units that it had taken when the process died', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    const data = await expiredPayment(saleId);
    await arrive(data);
    const replacementId = (await settled(data)).replacement_rid ?? '';
    await product.tables.execute(
      "UPDATE orders SET status = 'pending_payment', paid_at = NULL WHERE rid = ?",
      [replacementId]);
    await leaveAs('late', data);
    await product.checkDue();
    expect(await settled(data))
      .toMatchObject({ status: 'applied', replacement_rid: replacementId });
    expect(await product.statusOf(replacementId)).toBe('paid');
    await expectBooksToBalance(saleId, 1);
  });

  it('goes back when the buyer has begun to pay the new order himself', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    const data = await cancelledPayment(saleId);
    // The buyer makes the very reservation that the late money would make.
    const bought = await product.client.order(saleId, 'alice', { key: `late:${data.paymentId}` });
    const own = await product.startPayment(bought.id);
    await arrive(data);
    await arrive(own);
    expect(await settled(data))
      .toMatchObject({ status: 'refunded', reason: 'PAID_OTHERWISE' });
    expect(await settled(own)).toMatchObject({ status: 'succeeded' });
    expect(await product.statusOf(own.orderId)).toBe('paid');
    await expectBooksToBalance(saleId, 1);
  });

  it('gives the new order back when the provider sends the money back', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    const data = await expiredPayment(saleId);
    await arrive(data);
    const replacementId = (await settled(data)).replacement_rid ?? '';
    await product.deliver('refund.succeeded', data);
    expect(await settled(data)).toMatchObject({ status: 'refunded' });
    expect(await product.statusOf(replacementId)).toBe('refunded');
    await expectBooksToBalance(saleId, 0);
  });
});

import { PaymentGateway } from '../../src/payment/payment-gateway';
import { PaymentStore } from '../../src/payment/payment-store';
import { SandboxGateway } from '../../src/payment/sandbox/sandbox-gateway';
import { admin, type Caller } from '../support/client';
import { expectProblem } from '../support/expect-problem';
import { PaymentProduct, type WebhookData } from '../support/payment-product';
import { until } from '../support/until';

/** A buyer who pays waits so long for the row of his order, less what a timer may be early. */
const rowTimeoutMs = 1_900;

jest.setTimeout(180_000);

describe('starting and checking a payment', () => {
  let product: PaymentProduct;
  let gateway: PaymentGateway;
  let saleId: string;

  beforeAll(async () => {
    product = await PaymentProduct.start();
    gateway = product.get(PaymentGateway);
    saleId = await product.client.openSale({ stock: 1_000, limitPerUser: 1_000 });
  });

  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => product.stop());

  async function orderOfAlice(): Promise<string> {
    return (await product.client.order(saleId, 'alice')).id;
  }

  function start(orderId: string, as: Caller = 'alice') {
    return product.client.startPayment(orderId, as);
  }

  /** The provider has the money, and its webhook is lost. */
  async function payUnheard(paymentId: string): Promise<void> {
    await product.tables.execute(
      "UPDATE sandbox_payments SET status = 'succeeded' WHERE id = ?", [paymentId]);
  }

  /** A payment that failed and was started again; that the gateway opened it is not recorded. */
  async function reopenUnrecorded(): Promise<WebhookData> {
    const data = await product.startedPayment(saleId);
    await product.client.call('POST', `/demo/pay/${data.paymentId}/fail`);
    expect(await product.payment(data.orderId)).toMatchObject({ status: 'failed' });
    jest.spyOn(product.get(PaymentStore), 'recordStart')
      .mockRejectedValueOnce(new Error('connection reset'));
    expect((await start(data.orderId)).status).toBe(503);
    return data;
  }

  it('answers the same payment again, also to ten requests at once', async () => {
    const orderId = await orderOfAlice();
    const answers = await Promise.all(Array.from({ length: 10 }, () => start(orderId)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body }) => body.paymentId)).size).toBe(1);
    expect(answers[0]?.body).toMatchObject({ orderId, status: 'started',
      amount: { amount: 9900, currency: 'CNY' },
      checkoutUrl: `${product.url}/demo/pay/${answers[0]?.body.paymentId}` });
  });

  it('lets nobody but the owner pay, and nobody but him and admins look', async () => {
    const orderId = await orderOfAlice();
    expect((await product.read(orderId)).status).toBe(404);
    expect((await start(orderId, 'mallory')).status).toBe(404);
    expect((await start(orderId, admin)).status).toBe(404);
    await start(orderId);
    expect((await product.read(orderId)).status).toBe(200);
    expect((await product.read(orderId, admin)).status).toBe(200);
    expect((await product.read(orderId, 'mallory')).status).toBe(404);
    expect((await product.check(orderId, 'mallory')).status).toBe(404);
  });

  it('pays an order whose row is still on its way', async () => {
    const reserved = await product.client.buy(saleId, 'alice', { quantity: 2 });
    expect(reserved.status).toBe(202);
    // A busy machine may take longer than the row is waited for.
    const { status, body } = await until('the row is there', async () => {
      const startedAt = performance.now();
      const answer = await start(reserved.body.id);
      if (answer.status !== 409) return answer;
      expect(performance.now() - startedAt).toBeGreaterThan(rowTimeoutMs);
      return undefined;
    });
    expect(status).toBe(201);
    expect(body.amount).toEqual({ amount: 19_800, currency: 'CNY' });
  });

  it('refuses an order that is over: too late when it expired, a conflict otherwise', async () => {
    const expired = await orderOfAlice();
    await product.letExpire(expired);
    const tooLate = await start(expired);
    expect([tooLate.status, tooLate.body.code]).toEqual([409, 'PAYMENT_TOO_LATE']);
    const cancelled = await orderOfAlice();
    await product.client.cancel(cancelled, 'alice');
    const conflict = await start(cancelled);
    expect([conflict.status, conflict.body.code]).toEqual([409, 'ORDER_STATE_CONFLICT']);
  });

  it('answers the payment of a paid order again', async () => {
    const data = await product.startedPayment(saleId);
    await product.deliver('payment.succeeded', data);
    const { status, body } = await start(data.orderId);
    expect([status, body.paymentId, body.status]).toEqual([201, data.paymentId, 'succeeded']);
  });

  it('opens a payment that failed again, under the same id', async () => {
    const data = await product.startedPayment(saleId);
    await product.client.call('POST', `/demo/pay/${data.paymentId}/fail`);
    expect(await product.payment(data.orderId)).toMatchObject({ status: 'failed' });
    const { status, body } = await start(data.orderId);
    expect([status, body.paymentId, body.status]).toEqual([201, data.paymentId, 'started']);
    await product.client.call('POST', `/demo/pay/${data.paymentId}/pay`);
    expect(await product.statusOf(data.orderId)).toBe('paid');
  });

  it('completes a start that died between our row and the gateway', async () => {
    const orderId = await orderOfAlice();
    jest.spyOn(gateway, 'start').mockRejectedValueOnce(new Error('connection reset'));
    const broken = await start(orderId);
    expect([broken.status, broken.body.code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
    expect(broken.headers['retry-after']).toBe('1');
    const { id } = await product.payment(orderId) ?? {};
    const { status, body } = await start(orderId);
    expect([status, body.paymentId]).toEqual([201, id]);
    expect(body.checkoutUrl).toMatch(/^http/);
  });

  it('says that the provider does not answer, and knows what it knew', async () => {
    const data = await product.startedPayment(saleId);
    jest.spyOn(product.get(SandboxGateway), 'query').mockRejectedValue(
      Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' }));
    expectProblem(await product.check(data.orderId), 'TEMPORARILY_UNAVAILABLE');
    expect((await product.read(data.orderId)).body).toMatchObject({ status: 'started' });
  });

  it('finds money of a payment that was opened again, though that was not recorded', async () => {
    const data = await reopenUnrecorded();
    await payUnheard(data.paymentId);
    await product.makeDue();
    await product.checkDue();
    // The product's own schedule may have taken it a moment before.
    await until('the order is paid', async () =>
      await product.statusOf(data.orderId) === 'paid');
  });

  it('completes a second start that died between the gateway and our row', async () => {
    const data = await reopenUnrecorded();
    const { status, body } = await start(data.orderId);
    expect([status, body.paymentId]).toEqual([201, data.paymentId]);
    expect(body.checkoutUrl).toMatch(/^http/);
  });

  it('finds money by itself whose webhook never came', async () => {
    const data = await product.startedPayment(saleId);
    await payUnheard(data.paymentId);
    await product.makeDue();
    await product.checkDue();
    // The product's own schedule may have taken it a moment before.
    await until('the order is paid', async () =>
      await product.statusOf(data.orderId) === 'paid');
    await until('the payment has succeeded', async () =>
      (await product.payment(data.orderId))?.status === 'succeeded');
  });

  it('asks the provider when the buyer wants to know now', async () => {
    const data = await product.startedPayment(saleId);
    expect((await product.check(data.orderId)).body).toMatchObject({ status: 'started' });
    await payUnheard(data.paymentId);
    expect((await product.check(data.orderId)).body).toMatchObject({ status: 'succeeded' });
    expect(await product.statusOf(data.orderId)).toBe('paid');
  });

  it('pays once when webhook, schedule and buyer come at once', async () => {
    const data = await product.startedPayment(saleId);
    await payUnheard(data.paymentId);
    await product.makeDue();
    await Promise.all([product.checkDue(), product.deliver('payment.succeeded', data),
      product.checkDue(), product.check(data.orderId)]);
    await product.check(data.orderId);
    expect(await product.payment(data.orderId)).toMatchObject({ status: 'succeeded' });
    expect(await product.statusOf(data.orderId)).toBe('paid');
  });

  it('does not act on a provider that speaks of another amount', async () => {
    const data = await product.startedPayment(saleId);
    await product.tables.execute(
      "UPDATE sandbox_payments SET status = 'succeeded', amount = 1 WHERE id = ?",
      [data.paymentId]);
    await product.makeDue();
    await product.checkDue();
    await until('it is noticed', async () =>
      (await product.auditOf(data.paymentId)).includes('payment.mismatch'));
    expect(await product.payment(data.orderId)).toMatchObject({ status: 'started' });
    expect(await product.statusOf(data.orderId)).toBe('pending_payment');
  });

  it('asks less and less often, and no more a day after the deadline', async () => {
    const data = await product.startedPayment(saleId);
    const waits: number[] = [];
    for (let run = 0; run < 10; run += 1) {
      await product.makeDue();
      await product.checkDue();
      // Where the product's own schedule has just taken it, the next check follows in a moment.
      waits.push(await until('the next check is set', async () => {
        const [row] = await product.tables.query<{ seconds: number }>(
          `SELECT 15 * CEIL(TIMESTAMPDIFF(SECOND, NOW(3), next_check_at) / 15) AS seconds
            FROM payments WHERE id = ?`, [data.paymentId]);
        return row && row.seconds > 0 && row.seconds;
      }));
    }
    expect(waits).toEqual([15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
    await product.tables.execute(
      'UPDATE orders SET expires_at = NOW(3) - INTERVAL 25 HOUR WHERE rid = ?', [data.orderId]);
    await product.tables.execute(
      'UPDATE payments SET pay_before = NOW(3) - INTERVAL 25 HOUR WHERE id = ?', [data.paymentId]);
    await product.makeDue();
    await product.checkDue();
    await until('no check is set any more', async () => {
      const [row] = await product.tables.query<{ next_check_at: Date | null }>(
        'SELECT next_check_at FROM payments WHERE id = ?', [data.paymentId]);
      return row?.next_check_at === null;
    });
  });
});

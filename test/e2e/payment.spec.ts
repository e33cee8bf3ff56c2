import { PaymentProduct } from '../support/payment-product';
import { until } from '../support/until';

describe('paying at the sandbox', () => {
  let product: PaymentProduct;
  let saleId: string;

  beforeAll(async () => {
    product = await PaymentProduct.start();
    saleId = await product.client.openSale({ stock: 100, limitPerUser: 100 });
  });

  afterAll(() => product.stop());

  it('shows a page of its own that loads nothing else', async () => {
    const data = await product.startedPayment(saleId);
    const { status, headers, text } =
      await product.client.call('GET', `/demo/pay/${data.paymentId}`);
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(text).toContain('CN¥99.00');
    expect(text).toContain(data.orderId);
    expect(text).not.toMatch(/{{|src=|<link|@import|url\(/);
    expect((await product.client.call('GET', '/demo/pay/payment_unknown')).status).toBe(404);
  });

  it('pays the order by a signed webhook, once', async () => {
    const data = await product.startedPayment(saleId);
    const pay = () => product.client.call('POST', `/demo/pay/${data.paymentId}/pay`);
    expect((await pay()).body).toEqual({ status: 'succeeded' });
    expect((await pay()).body).toEqual({ status: 'succeeded' });
    expect((await product.client.find(data.orderId, 'alice')).body.status).toBe('paid');
    const [row] = await product.tables.query<{ webhooks: number }>(
      'SELECT COUNT(*) AS webhooks FROM processed_webhooks WHERE payment_id = ?',
      [data.paymentId]);
    expect(row?.webhooks).toBe(1);
  });

  it('is not there without the demo, and the rest of the payment is', async () => {
    const other = await PaymentProduct.start({ DEMO: 'false' });
    try {
      const data = await other.startedPayment(await other.client.openSale());
      expect((await other.client.call('GET', `/demo/pay/${data.paymentId}`)).status).toBe(404);
      expect((await other.client.call('POST', `/demo/pay/${data.paymentId}/pay`)).status).toBe(404);
      await other.deliver('payment.succeeded', data);
      expect(await other.statusOf(data.orderId)).toBe('paid');
    } finally {
      await other.stop();
    }
  });

  it('pays late when asked to, and the schedule finishes it', async () => {
    const shortSaleId = await product.client.openSale();
    const data = await product.startedPayment(shortSaleId);
    const late = await product.client.call('POST', `/demo/pay/${data.paymentId}/pay-late`);
    expect(late.body).toEqual({ status: 'open' });
    const [promised] = await product.tables.query<{ seconds: number }>(
      `SELECT TIMESTAMPDIFF(SECOND, pay_before, succeeds_at) AS seconds FROM sandbox_payments
        WHERE id = ?`, [data.paymentId]);
    expect(promised?.seconds).toBe(1);
    // As if the time to pay were over, and the second after it.
    await product.letExpire(data.orderId);
    await product.client.inStatus(data.orderId, 'alice', 'expired');
    await product.tables.execute('UPDATE sandbox_payments SET succeeds_at = NOW(3) WHERE id = ?',
      [data.paymentId]);
    await until('the late money has found another order', async () => {
      // Where the report is lost, the check asks.
      await product.makeDue();
      return (await product.payment(data.orderId))?.status === 'applied';
    }, 60_000);
    expect(await product.statusOf(data.orderId)).toBe('expired');
    const [own] = await product.tables.query<{ paid: number }>(
      "SELECT COUNT(*) AS paid FROM orders WHERE sale_id = ? AND status = 'paid'", [shortSaleId]);
    expect(own?.paid).toBe(1);
  }, 180_000);
});

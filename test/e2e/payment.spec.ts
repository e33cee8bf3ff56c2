import { setTimeout as sleep } from 'node:timers/promises';
import { startPaymentApplication, type PaymentApplication } from '../support/payment-application';

describe('paying at the sandbox', () => {
  let product: PaymentApplication;
  let saleId: string;

  beforeAll(async () => {
    product = await startPaymentApplication();
    saleId = await product.openSale(100, { limitPerUser: 100 });
  });

  afterAll(() => product.stop());

  it('shows a page of its own that loads nothing else', async () => {
    const data = await product.startPayment('alice', await product.buy('alice', saleId));
    const { status, headers, body } = await product.send('GET', `/demo/pay/${data.paymentId}`);
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const page = String(body['text']);
    expect(page).toContain('€99.00');
    expect(page).toContain(data.orderId);
    expect(page).not.toMatch(/{{|src=|href=|@import|url\(/);
    expect((await product.send('GET', '/demo/pay/payment_unknown')).status).toBe(404);
  });

  it('pays the order by a signed webhook, once', async () => {
    const data = await product.startPayment('alice', await product.buy('alice', saleId));
    const pay = () => product.send('POST', `/demo/pay/${data.paymentId}/pay`);
    expect((await pay()).body).toEqual({ status: 'succeeded' });
    expect((await pay()).body).toEqual({ status: 'succeeded' });
    const order = await product.call('alice', 'GET', `/v1/orders/${data.orderId}`);
    expect(order.body).toMatchObject({ status: 'paid' });
    const [row] = await product.tables.query<{ webhooks: number }>(
      'SELECT COUNT(*) AS webhooks FROM processed_webhooks WHERE payment_id = ?',
      [data.paymentId]);
    expect(row?.webhooks).toBe(1);
  });

  it('is not there without the demo, and the rest of the payment is', async () => {
    const other = await startPaymentApplication({ DEMO: 'false' });
    try {
      const data = await other.startPayment('bob', await other.buy('bob', await other.openSale(1)));
      expect((await other.send('GET', `/demo/pay/${data.paymentId}`)).status).toBe(404);
      expect((await other.send('POST', `/demo/pay/${data.paymentId}/pay`)).status).toBe(404);
      await other.deliver('payment.succeeded', data);
      expect(await other.statusOf(data.orderId)).toBe('paid');
    } finally {
      await other.stop();
    }
  });

  it('pays late when asked to, and the schedule finishes it', async () => {
    const shortSaleId = await product.openSale(1, { payWindowSeconds: 2 });
    const data = await product.startPayment('alice', await product.buy('alice', shortSaleId));
    const late = await product.send('POST', `/demo/pay/${data.paymentId}/pay-late`);
    expect(late.body).toEqual({ status: 'open' });
    while ((await product.payment(data.orderId))?.status !== 'applied') await sleep(200);
    expect(await product.statusOf(data.orderId)).toBe('expired');
    const [own] = await product.tables.query<{ paid: number }>(
      "SELECT COUNT(*) AS paid FROM orders WHERE sale_id = ? AND status = 'paid'", [shortSaleId]);
    expect(own?.paid).toBe(1);
  }, 45_000);
});

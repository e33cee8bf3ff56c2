import { randomUUID } from 'node:crypto';
import { expectProblem } from '../support/expect-problem';
import { PaymentProduct } from '../support/payment-product';

describe('payment webhooks', () => {
  let product: PaymentProduct;
  let saleId: string;

  beforeAll(async () => {
    product = await PaymentProduct.start();
    saleId = await product.client.openSale({ stock: 1_000, limitPerUser: 1_000 });
  });

  afterAll(() => product.stop());

  function startedPayment() {
    return product.startedPayment(saleId);
  }

  it('pays the order once however often the same webhook is delivered', async () => {
    const data = await startedPayment();
    const id = randomUUID();
    const answers = [];
    for (let delivery = 0; delivery < 3; delivery += 1) {
      answers.push(await product.deliver('payment.succeeded', data, { id }));
    }
    expect(answers.map(({ status, body }) => [status, body.duplicate]))
      .toEqual([[200, false], [200, true], [200, true]]);
    expect(await product.statusOf(data.orderId)).toBe('paid');
    expect(await product.payment(data.orderId)).toMatchObject({ status: 'succeeded' });
  });

  it('has one effect when one success arrives under many ids at once', async () => {
    const data = await startedPayment();
    const answers = await Promise.all(Array.from({ length: 8 }, () =>
      product.deliver('payment.succeeded', data)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
    expect(await product.statusOf(data.orderId)).toBe('paid');
    const [{ received }] = await product.tables.query<{ received: number }>(
      'SELECT COUNT(*) AS received FROM processed_webhooks WHERE payment_id = ?',
      [data.paymentId]) as [{ received: number }];
    expect(received).toBe(8);
  });

  it('takes a success after a failure, and no failure after a success', async () => {
    const data = await startedPayment();
    await product.deliver('payment.failed', data);
    expect(await product.payment(data.orderId)).toMatchObject({ status: 'failed' });
    expect(await product.statusOf(data.orderId)).toBe('pending_payment');
    await product.deliver('payment.succeeded', data);
    expect((await product.deliver('payment.failed', data)).status).toBe(200);
    expect(await product.payment(data.orderId)).toMatchObject({ status: 'succeeded' });
    expect(await product.statusOf(data.orderId)).toBe('paid');
  });

  it.each([
    ['another amount', { amount: 1 }, 'data.amount'],
    ['another currency', { currency: 'USD' }, 'data.currency'],
    ['another order', { orderId: 'somebody_elses' }, 'data.orderId'],
  ])('changes nothing for %s than that of the payment', async (_name, change, path) => {
    const data = await startedPayment();
    const { status, body } = await product.deliver('payment.succeeded', { ...data, ...change });
    expect([status, body.code]).toEqual([400, 'VALIDATION_FAILED']);
    expect(body.errors).toMatchObject([{ path }]);
    expect(await product.payment(data.orderId)).toMatchObject({ status: 'started' });
    expect(await product.statusOf(data.orderId)).toBe('pending_payment');
    expect(await product.auditOf(data.paymentId)).toEqual(['payment.mismatch']);
  });

  it('takes the right webhook although a wrong one had its id', async () => {
    const data = await startedPayment();
    const id = randomUUID();
    await product.deliver('payment.succeeded', { ...data, amount: 1 }, { id });
    const right = await product.deliver('payment.succeeded', data, { id });
    expect([right.status, right.body.duplicate]).toEqual([200, false]);
    expect(await product.statusOf(data.orderId)).toBe('paid');
  });

  it.each<[string, { signedInMs?: number; signedBody?: string }]>([
    ['a timestamp of six minutes ago', { signedInMs: -360_000 }],
    ['a timestamp in six minutes', { signedInMs: 360_000 }],
    ['a signature of another body', { signedBody: '{}' }],
  ])('refuses %s', async (_name, { signedInMs = 0, ...options }) => {
    const data = await startedPayment();
    const signedAt = new Date(Date.now() + signedInMs);
    const { status, body } = await product.deliver('payment.succeeded', data,
      { signedAt, ...options });
    expect([status, body.code]).toEqual([401, 'UNAUTHENTICATED']);
    expect(await product.statusOf(data.orderId)).toBe('pending_payment');
  });

  it('refuses a body that was read and written again on its way', async () => {
    const data = await startedPayment();
    const signedBody = JSON.stringify({ type: 'payment.succeeded', data }, null, 1);
    const { status } = await product.deliver('payment.succeeded', data, { signedBody });
    expect(status).toBe(401);
  });

  it('looks at a few signatures, and not at a list that somebody has made long', async () => {
    const data = await startedPayment();
    const raw = JSON.stringify({ type: 'payment.succeeded', data });
    const deliverAmong = (others: number) => {
      const headers = product.client.signature(raw, randomUUID());
      const list = `${'v1,AAAA '.repeat(others)}${headers['webhook-signature'] ?? ''}`;
      return product.client.call('POST', '/v1/webhooks/payments',
        { raw, headers: { ...headers, 'webhook-signature': list } });
    };
    expectProblem(await deliverAmong(100), 'UNAUTHENTICATED');
    expect((await deliverAmong(3)).status).toBe(200);
  });

  it('refuses what nobody has signed', async () => {
    const { status, body } = await product.client.call('POST', '/v1/webhooks/payments',
      { raw: '{}' });
    expect([status, body.code]).toEqual([401, 'UNAUTHENTICATED']);
  });

  it('knows no payment but ours, and refuses unknown fields and types', async () => {
    const data = await startedPayment();
    const unknown = await product.deliver('payment.succeeded', { ...data, paymentId: 'payment_x' });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'NOT_FOUND']);
    const field = await product.deliver('payment.succeeded', { ...data, discount: 1 });
    expect(field.body.errors).toMatchObject([{ path: 'data.discount' }]);
    const type = await product.deliver('payment.pending', data);
    expect(type.body.errors).toMatchObject([{ path: 'type' }]);
  });

  it('puts the units back on sale when the provider has sent the money back', async () => {
    const data = await startedPayment();
    await product.deliver('payment.succeeded', data);
    const id = randomUUID();
    await product.deliver('refund.succeeded', data, { id });
    const again = await product.deliver('refund.succeeded', data, { id });
    expect([again.status, again.body.duplicate]).toEqual([200, true]);
    expect(await product.statusOf(data.orderId)).toBe('refunded');
    expect(await product.payment(data.orderId)).toMatchObject({ status: 'refunded' });
    await product.deliver('payment.succeeded', data);
    expect(await product.statusOf(data.orderId)).toBe('refunded');
  });
});

import { randomUUID } from 'node:crypto';
import { Database } from '../../../src/infra/database';
import type { OrderView } from '../../../src/order';
import type { PaymentAnswer } from '../../support/client';
import { admin } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

describe('paying', () => {
  let product: TestProduct;
  let saleId: string;

  beforeAll(async () => {
    product = await TestProduct.start();
    saleId = await product.client.openSale({ stock: 1_000, limitPerUser: 100 });
  });

  afterAll(() => product.stop());

  const dataOf = ({ id: orderId }: OrderView, { paymentId, amount }: PaymentAnswer) =>
    ({ orderId, paymentId, ...amount });

  async function orderWithPayment(userId = 'ann') {
    const order = await product.client.order(saleId, userId, { quantity: 2 });
    const { body: payment } = await product.client.startPayment(order.id, userId);
    return { order, payment, data: dataOf(order, payment) };
  }

  const statusOf = async (orderId: string) =>
    (await product.client.find(orderId, admin)).body.status;

  describe('POST /v1/orders/{id}/payment', () => {
    it('is 201 with where to pay how much, and the same payment again', async () => {
      const order = await product.client.order(saleId, 'ann', { quantity: 2 });
      const first = await product.client.startPayment(order.id, 'ann');
      expect(first.status).toBe(201);
      expect(first.body).toMatchObject({ paymentId: expect.stringMatching(/./),
        orderId: order.id, checkoutUrl: expect.stringMatching(/^https?:\/\//),
        amount: { amount: 19_800, currency: 'CNY' }, status: 'started' });
      const again = await product.client.startPayment(order.id, 'ann');
      expect([again.status, again.body]).toEqual([201, first.body]);
    });

    it('waits for the row of an order that is only reserved', async () => {
      const { body } = await product.client.buy(saleId, 'ann');
      await until('it is started', async () => {
        const askedMs = performance.now();
        const answer = await product.client.startPayment(body.id, 'ann');
        if (answer.status === 201) return true;
        // Where the row takes longer than the call waits, it says so, and not before.
        expectProblem(answer, 'ORDER_STATE_CONFLICT');
        expect(answer.headers['retry-after']).toBe('1');
        expect(performance.now() - askedMs).toBeGreaterThan(1_900);
        return false;
      }, 30_000);
    });

    it('is 404 NOT_FOUND even for an admin: nobody pays for somebody else', async () => {
      const order = await product.client.order(saleId, 'ann');
      expectProblem(await product.client.startPayment(order.id, admin), 'NOT_FOUND');
    });

    it('is 409 ORDER_STATE_CONFLICT when the order is cancelled', async () => {
      const order = await product.client.order(saleId, 'ann');
      await product.client.cancel(order.id, 'ann');
      expectProblem(await product.client.startPayment(order.id, 'ann'), 'ORDER_STATE_CONFLICT');
    });

    it('is 409 PAYMENT_TOO_LATE when the time to pay is over', async () => {
      const order = await product.client.order(saleId, 'ann');
      await product.get(Database).execute(
        'UPDATE orders SET expires_at = NOW(3) - INTERVAL 1 MINUTE WHERE rid = ?', [order.id]);
      expectProblem(await product.client.startPayment(order.id, 'ann'), 'PAYMENT_TOO_LATE');
      await product.client.inStatus(order.id, 'ann', 'expired');
      expectProblem(await product.client.startPayment(order.id, 'ann'), 'PAYMENT_TOO_LATE');
    });
  });

  describe('GET and check of a payment', () => {
    it('are 404 NOT_FOUND before it is started, then show how it stands', async () => {
      const order = await product.client.order(saleId, 'ann');
      const read = () => product.client.call<PaymentAnswer>('GET',
        `/v1/orders/${order.id}/payment`, { as: 'ann' });
      const check = () => product.client.call<PaymentAnswer>('POST',
        `/v1/orders/${order.id}/payment/check`, { as: 'ann' });
      expectProblem(await read(), 'NOT_FOUND');
      expectProblem(await check(), 'NOT_FOUND');
      const { body } = await product.client.startPayment(order.id, 'ann');
      expect((await read()).body).toEqual(body);
      expect(await check()).toMatchObject({ status: 200, body: { status: 'started' } });
      await product.client.report('payment.succeeded', dataOf(order, body));
      expect((await read()).body.status).toBe('succeeded');
    });
  });

  describe('POST /v1/webhooks/payments', () => {
    it('is 200 and pays the order; the same delivery again is 200 without a second effect',
      async () => {
        const { order, data } = await orderWithPayment();
        const id = `msg_${randomUUID()}`;
        expect(await product.client.report('payment.succeeded', data, id))
          .toMatchObject({ status: 200, body: { duplicate: false } });
        const paid = (await product.client.find(order.id, 'ann')).body;
        expect(paid.status).toBe('paid');
        expect(await product.client.report('payment.succeeded', data, id))
          .toMatchObject({ status: 200, body: { duplicate: true } });
        expect((await product.client.find(order.id, 'ann')).body).toEqual(paid);
      });

    it('lets a payment that failed be started and paid again', async () => {
      const { order, payment, data } = await orderWithPayment();
      expect((await product.client.report('payment.failed', data)).status).toBe(200);
      expect(await statusOf(order.id)).toBe('pending_payment');
      const again = await product.client.startPayment(order.id, 'ann');
      expect(again.body).toMatchObject({ paymentId: payment.paymentId, status: 'started' });
      await product.client.report('payment.succeeded', data);
      expect(await statusOf(order.id)).toBe('paid');
    });

    it('gives the units back when the provider has refunded', async () => {
      const { order, data } = await orderWithPayment();
      await product.client.report('payment.succeeded', data);
      const { redis: { available } } = await product.client.atRest(saleId);
      await product.client.report('refund.succeeded', data);
      await product.client.inStatus(order.id, 'ann', 'refunded');
      expect((await product.client.atRest(saleId)).redis.available).toBe(available + 2);
    });

    it('is 401 UNAUTHENTICATED unless signed, now, over these very bytes', async () => {
      const { order, data } = await orderWithPayment();
      const raw = JSON.stringify({ type: 'payment.succeeded', data });
      const send = (headers: Record<string, string>, body = raw) =>
        product.client.call('POST', '/v1/webhooks/payments', { raw: body, headers });
      const good = product.client.signature(raw);
      const tenMinutesMs = 600_000;
      const old = product.client.signature(raw, undefined, new Date(Date.now() - tenMinutesMs));
      const early = product.client.signature(raw, undefined, new Date(Date.now() + tenMinutesMs));
      const foreign = { ...good, 'webhook-signature': `v1,${Buffer.alloc(32).toString('base64')}` };
      for (const headers of [{}, old, early, foreign, { ...good, 'webhook-id': 'msg_other' }]) {
        expectProblem(await send(headers), 'UNAUTHENTICATED');
      }
      expectProblem(await send(good, ` ${raw}`), 'UNAUTHENTICATED');
      expect(await statusOf(order.id)).toBe('pending_payment');
    });

    it.each<[string, object, string]>([
      ['another amount', { amount: 1 }, 'data.amount'],
      ['another currency', { currency: 'EUR' }, 'data.currency'],
      ['another order', { orderId: '0'.repeat(32) }, 'data.orderId'],
      ['half a cent', { amount: 0.5 }, 'data.amount'],
      ['a field that nobody knows', { tip: 1 }, 'data.tip'],
    ])('is 400 VALIDATION_FAILED for %s, and changes nothing', async (_, change, path) => {
      const { order, data } = await orderWithPayment();
      const answer = await product.client.report('payment.succeeded', { ...data, ...change });
      expectProblem(answer, 'VALIDATION_FAILED');
      expect(answer.body.errors).toMatchObject([{ path }]);
      expect(await statusOf(order.id)).toBe('pending_payment');
    });

    it('is 404 NOT_FOUND for a payment that nobody started', async () => {
      const { data } = await orderWithPayment();
      expectProblem(await product.client.report('payment.succeeded',
        { ...data, paymentId: 'payment_unknown' }), 'NOT_FOUND');
    });
  });
});

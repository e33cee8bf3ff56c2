import { Database } from '../../../src/infra/database';
import type { OrderView } from '../../../src/order';
import { admin, type Answer, type Caller } from '../../support/client';
import { openEvents } from '../../support/events';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

interface OrderPage { items: OrderView[]; nextCursor: string | null }

const viewer = { userId: 'looker', roles: ['viewer'] } as const;

describe('/v1/orders', () => {
  let product: TestProduct;
  let saleId: string;

  beforeAll(async () => {
    product = await TestProduct.start();
    saleId = await product.client.openSale({ stock: 1_000, limitPerUser: 100 });
  });

  afterAll(() => product.stop());

  const strangers: [string, Caller][] = [['another buyer', 'mallory'], ['a viewer', viewer]];
  const calls = {
    read: (id: string, as: Caller) => product.client.find(id, as),
    cancel: (id: string, as: Caller) => product.client.cancel(id, as),
    pay: (id: string, as: Caller) => product.client.startPayment(id, as),
    follow: (id: string, as: Caller) =>
      product.client.call('GET', `/v1/orders/${id}/events`, { as }),
    'look at the payment of': (id: string, as: Caller) =>
      product.client.call('GET', `/v1/orders/${id}/payment`, { as }),
    'check the payment of': (id: string, as: Caller) =>
      product.client.call('POST', `/v1/orders/${id}/payment/check`, { as }),
  };

  describe.each(Object.entries(calls))('to %s an order', (_, call) => {
    it.each(strangers)('is 404 NOT_FOUND for %s, as for an order that does not exist',
      async (_name, stranger) => {
        const { id } = await product.client.order(saleId, 'ann');
        const answer = await call(id, stranger);
        expectProblem(answer, 'NOT_FOUND');
        const unknown = await call('0'.repeat(32), stranger);
        expect(answer.body.detail).toBe(unknown.body.detail);
      });

    it('is 401 without a token and 400 for what is no id', async () => {
      expectProblem(await call('0'.repeat(32), undefined), 'UNAUTHENTICATED');
      expectProblem(await call('no!id', 'ann'), 'VALIDATION_FAILED');
    });
  });

  describe('GET /v1/orders/{id}', () => {
    it('shows the order to its owner and to an admin, at every step', async () => {
      const { body: reserved } = await product.client.buy(saleId, 'bea', { quantity: 3 });
      expect(await product.client.inStatus(reserved.id, 'bea', 'pending_payment')).toEqual({
        ...reserved, status: 'pending_payment', payBefore: expect.stringMatching(/Z$/) });
      await product.client.pay(reserved.id, 'bea');
      const paid = (await product.client.find(reserved.id, 'bea')).body;
      expect(paid).toEqual({ ...reserved, status: 'paid', paidAt: expect.stringMatching(/Z$/) });
      expect((await product.client.find(reserved.id, admin)).body).toEqual(paid);
    });
  });

  describe('GET /v1/orders', () => {
    it("pages through the caller's orders, newest first, each once", async () => {
      const placed: { id: string; createdAt: string }[] = [];
      for (let index = 0; index < 53; index += 1) {
        placed.push((await product.client.buy(saleId, 'cleo')).body);
      }
      // Of one millisecond by their ids.
      const newestFirst = placed.map(({ id, createdAt }) => `${createdAt} ${id}`).sort().reverse();
      await product.client.order(saleId, 'dora');
      await product.client.atRest(saleId);
      const pages: string[][] = [];
      for (let query: string | undefined = ''; query !== undefined;) {
        const { body }: Answer<OrderPage> = await product.client.call('GET', `/v1/orders${query}`,
          { as: 'cleo' });
        pages.push(body.items.map(({ id, createdAt }) => `${createdAt} ${id}`));
        query = body.nextCursor === null ? undefined : `?cursor=${body.nextCursor}`;
      }
      expect(pages.map(({ length }) => length)).toEqual([50, 3]);
      expect(pages.flat()).toEqual(newestFirst);
    });

    it('is an empty page for a buyer without orders, an admin too', async () => {
      for (const as of ['nobody-yet', admin]) {
        const { body } = await product.client.call('GET', '/v1/orders', { as });
        expect(body).toEqual({ items: [], nextCursor: null });
      }
    });

    it.each(['?cursor=nonsense', '?cursor=', '?page=2'])('is 400 for %s', async (query) => {
      expectProblem(await product.client.call('GET', `/v1/orders${query}`, { as: 'ann' }),
        'VALIDATION_FAILED');
    });
  });

  describe('POST /v1/orders/{id}/cancel', () => {
    it('is 200 with the cancelled order, and again; the units are back on sale', async () => {
      const sale = await product.client.openSale({ stock: 1 });
      const order = await product.client.order(sale, 'ann');
      for (let round = 0; round < 2; round += 1) {
        const { status, body } = await product.client.cancel(order.id, 'ann');
        expect(status).toBe(200);
        expect(body).toMatchObject({ id: order.id, status: 'cancelled',
          closedAt: expect.stringMatching(/Z$/) });
        expect(body.payBefore).toBeUndefined();
      }
      expect((await product.client.buy(sale, 'bob')).status).toBe(202);
    });

    it('is 409 ORDER_STATE_CONFLICT once paid, refunded or expired', async () => {
      const paid = await product.client.order(saleId, 'eva');
      const payment = await product.client.pay(paid.id, 'eva');
      expectProblem(await product.client.cancel(paid.id, 'eva'), 'ORDER_STATE_CONFLICT');
      await product.client.report('refund.succeeded',
        { orderId: paid.id, paymentId: payment.paymentId, ...payment.amount });
      await product.client.inStatus(paid.id, 'eva', 'refunded');
      expectProblem(await product.client.cancel(paid.id, 'eva'), 'ORDER_STATE_CONFLICT');
      const expired = await product.client.order(saleId, 'eva');
      await passDeadline(expired.id);
      await product.client.inStatus(expired.id, 'eva', 'expired');
      expectProblem(await product.client.cancel(expired.id, 'eva'), 'ORDER_STATE_CONFLICT');
    });

    it('is allowed to an admin', async () => {
      const { id } = await product.client.order(saleId, 'fay');
      expect((await product.client.cancel(id, admin)).body.status).toBe('cancelled');
    });
  });

  describe('GET /v1/orders/{id}/events', () => {
    it('brings every status from reserved to the final one, then ends', async () => {
      const { body } = await product.client.buy(saleId, 'gil');
      const stream = await openEvents(product, body.id, 'gil');
      expect(stream).toMatchObject({ status: 200, contentType: 'text/event-stream' });
      await until('the row is written', async () =>
        stream.events.at(-1)?.status === 'pending_payment');
      await product.client.pay(body.id, 'gil');
      await stream.ended;
      const statuses = stream.events.map(({ status }) => status);
      expect(['reserved', 'pending_payment']).toContain(statuses[0]);
      expect(statuses.slice(-2)).toEqual(['pending_payment', 'paid']);
      expect(stream.events.at(-1)).toEqual((await product.client.find(body.id, 'gil')).body);
    });

    it('ends by itself when the time to pay is over', async () => {
      const { id } = await product.client.order(saleId, 'hal');
      const stream = await openEvents(product, id, 'hal');
      await until('the first is there', async () => stream.events.length === 1);
      await passDeadline(id);
      await stream.ended;
      expect(stream.events.map(({ status }) => status)).toEqual(['pending_payment', 'expired']);
    });

    it('brings the one final status of an order that has ended, to an admin as well', async () => {
      const { id } = await product.client.order(saleId, 'ida');
      await product.client.cancel(id, 'ida');
      for (const reader of ['ida', admin]) {
        const stream = await openEvents(product, id, reader);
        await stream.ended;
        expect(stream.events.map(({ status }) => status)).toEqual(['cancelled']);
      }
    });

    it('has room for 20 streams of one user, opened at once or not, and for others beside them', async () => {
      const { id } = await product.client.order(saleId, 'kim');
      const follow = (as: Caller) => openEvents(product, id, as);
      const streams = await Promise.all(Array.from({ length: 30 }, () => follow('kim')));
      expect(streams.filter(({ status }) => status === 200)).toHaveLength(20);
      expect(streams.filter(({ status }) => status === 429)).toHaveLength(10);
      expect((await follow(admin)).status).toBe(200);
      await product.client.cancel(id, 'kim');
      await Promise.all(streams.map(({ ended }) => ended));
      await until('there is room again', async () => {
        const { status, ended } = await follow('kim');
        await ended;
        return status === 200;
      });
    });

    it('forgets a reader who has gone', async () => {
      const { id } = await product.client.order(saleId, 'joe');
      const stream = await openEvents(product, id, 'joe');
      stream.close();
      await stream.ended;
      await product.client.cancel(id, 'joe');
      expect((await product.client.find(id, 'joe')).body.status).toBe('cancelled');
    });
  });

  /** The order's time to pay is over from now on; what follows is left to the product. */
  async function passDeadline(orderId: string): Promise<void> {
    await product.get(Database).execute(
      'UPDATE orders SET expires_at = NOW(3) WHERE rid = ?', [orderId]);
  }
});

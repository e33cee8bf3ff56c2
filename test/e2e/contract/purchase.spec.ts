import { createSigner } from 'fast-jwt';
import { Database } from '../../../src/infra/database';
import { OrderLife } from '../../../src/order';
import { admin } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';
import { openShortSale, withEnoughTime } from '../support/enough-time';

describe('POST /v1/sales/{saleId}/orders', () => {
  let product: TestProduct;
  let saleId: string;

  beforeAll(async () => {
    product = await TestProduct.start();
    saleId = await product.client.openSale({ stock: 1_000, limitPerUser: 5 });
  });

  afterAll(() => product.stop());

  const post = (body: unknown, headers: Record<string, string> = {}, sale = saleId) =>
    product.client.call('POST', `/v1/sales/${sale}/orders`,
      { as: 'ann', body, headers: { 'idempotency-key': 'k', ...headers } });

  describe('an accepted purchase', () => {
    it('is 202 with the reserved order and where to find it', async () => {
      const { status, headers, body } = await product.client.buy(saleId, 'amy', { quantity: 2 });
      expect(status).toBe(202);
      expect(body).toEqual({ id: expect.stringMatching(/^[A-Za-z0-9_-]{1,64}$/), saleId,
        userId: 'amy', quantity: 2, amount: { amount: 19_800, currency: 'CNY' },
        status: 'reserved', createdAt: expect.stringMatching(/^\d{4}-.*Z$/) });
      expect(headers.location).toBe(`/v1/orders/${body.id}`);
      const order = await product.client.inStatus(body.id, 'amy', 'pending_payment');
      expect(order).toMatchObject({ ...body, status: 'pending_payment' });
    });

    it('is 201 with Prefer: wait once the row is committed', async () => {
      const { status, headers, body } = await product.client.buy(saleId, 'bea',
        { headers: { prefer: 'wait=30' } });
      expect([status, body.status]).toEqual([201, 'pending_payment']);
      expect(headers.location).toBe(`/v1/orders/${body.id}`);
      const readyMs = Date.parse(body.payBefore ?? '') - Date.parse(body.createdAt);
      expect(readyMs).toBeGreaterThanOrEqual(900_000);
      // The time to pay begins when the row is written.
      expect(readyMs).toBeLessThan(1_200_000);
    });

    it.each(['wait=0', 'wait=-1', 'wait', 'respond-async', 'wait=abc'])(
      'is 202 at once with Prefer: %s', async (prefer) => {
        const { status } = await product.client.buy(saleId, `by-${prefer}`,
          { headers: { prefer } });
        expect(status).toBe(202);
      });

    it('takes the user from the token alone', async () => {
      const { body } = await post({ quantity: 1 },
        { 'x-user-id': 'mallory', 'idempotency-key': 'own' });
      expect(body['userId']).toBe('ann');
    });
  });

  describe('the same key again', () => {
    it('answers the same order, as it stands by then', async () => {
      const key = 'cleo-1';
      const first = await product.client.order(saleId, 'cleo', { key });
      const replay = () => product.client.buy(saleId, 'cleo', { key });
      expect(await replay()).toMatchObject({ status: 200,
        headers: { location: `/v1/orders/${first.id}` },
        body: { id: first.id, status: 'pending_payment', quantity: 1,
          createdAt: first.createdAt } });
      await product.client.cancel(first.id, 'cleo');
      expect(await replay()).toMatchObject({ status: 200,
        body: { id: first.id, status: 'cancelled' } });
    });

    it.each(['paid', 'refunded', 'expired'])('answers an order that is %s', async (end) => {
      const first = await product.client.order(saleId, end, { key: end });
      const life = product.get(OrderLife);
      if (end === 'expired') {
        await product.get(Database).execute(
          'UPDATE orders SET expires_at = NOW(3) WHERE rid = ?', [first.id]);
        await life.expire(saleId, [first.id]);
      } else await product.client.pay(first.id, end);
      const cause = { source: 'test', ip: '', traceId: 'a'.repeat(32) };
      if (end === 'refunded') await life.refund(first.id, cause);
      expect(await product.client.buy(saleId, end, { key: end }))
        .toMatchObject({ status: 200, body: { id: first.id, status: end } });
    });

    it('is 422 IDEMPOTENCY_KEY_REUSED with another quantity', async () => {
      const buy = (quantity: number) => product.client.buy(saleId, 'dora', { key: 'd', quantity });
      expect((await buy(1)).status).toBe(202);
      expectProblem(await buy(2), 'IDEMPOTENCY_KEY_REUSED');
    });

    it('is another purchase for another user, and at another sale', async () => {
      const other = await product.client.openSale();
      const answers = await Promise.all([product.client.buy(saleId, 'eva', { key: 'same' }),
        product.client.buy(saleId, 'fay', { key: 'same' }),
        product.client.buy(other, 'eva', { key: 'same' })]);
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
      expect(new Set(answers.map(({ body }) => body.id)).size).toBe(3);
    });
  });

  describe('what is refused before anything is asked', () => {
    it.each([
      ['0', { quantity: 0 }], ['a negative one', { quantity: -1 }], ['1.5', { quantity: 1.5 }],
      ['more than 1000', { quantity: 1_001 }], ['a text', { quantity: '1' }],
      ['null', { quantity: null }], ['none', {}],
    ])('is 400 VALIDATION_FAILED for the quantity %s', async (_, body) => {
      const answer = await post(body);
      expectProblem(answer, 'VALIDATION_FAILED');
      expect(answer.body.errors).toEqual([{ path: 'quantity', message: expect.any(String) }]);
    });

    it('names every field that it does not know', async () => {
      const answer = await post({ quantity: 1, price: 1, userId: 'mallory' });
      expectProblem(answer, 'VALIDATION_FAILED');
      expect(answer.body.errors).toEqual([{ path: 'price', message: 'Unknown field' },
        { path: 'userId', message: 'Unknown field' }]);
    });

    it.each(['[]', '"1"', 'null', '{"quantity":1', '', '{"__proto__":{"quantity":1}}'])(
      'is 400 VALIDATION_FAILED for the body %p', async (raw) => {
        expectProblem(await product.client.call('POST', `/v1/sales/${saleId}/orders`,
          { as: 'ann', raw, headers: { 'idempotency-key': 'k' } }), 'VALIDATION_FAILED');
      });

    it('is 400 IDEMPOTENCY_KEY_MISSING without a key', async () => {
      expectProblem(await product.client.call('POST', `/v1/sales/${saleId}/orders`,
        { as: 'ann', body: { quantity: 1 } }), 'IDEMPOTENCY_KEY_MISSING');
    });

    it.each(['a key', 'k'.repeat(256), 'schlüssel'])('is 400 for the key %p', async (key) => {
      const answer = await post({ quantity: 1 }, { 'idempotency-key': key });
      expectProblem(answer, 'VALIDATION_FAILED');
      expect(answer.body.errors).toMatchObject([{ path: 'Idempotency-Key' }]);
    });

    it('takes a key of 255 visible characters', async () => {
      expect((await post({ quantity: 1 }, { 'idempotency-key': '~!'.repeat(127) + '.' })).status)
        .toBe(202);
    });

    it.each(['no!id', 'a%2Fb', 'x'.repeat(65), '%00'])('is 400 for the sale id %p', async (id) => {
      expectProblem(await post({ quantity: 1 }, {}, id), 'VALIDATION_FAILED');
    });

    it('is 404 NOT_FOUND for an unknown sale and for a draft', async () => {
      expectProblem(await post({ quantity: 1 }, {}, 'no-such-sale'), 'NOT_FOUND');
      const draft = await product.client.draftSale();
      expectProblem(await post({ quantity: 1 }, {}, draft), 'NOT_FOUND');
    });

    it('is 413 BODY_TOO_LARGE above 16 KiB', async () => {
      expectProblem(await post({ quantity: 1, padding: 'x'.repeat(16 * 1024) }), 'BODY_TOO_LARGE');
    });

    it('is 415 UNSUPPORTED_MEDIA_TYPE for anything but JSON', async () => {
      expectProblem(await product.client.call('POST', `/v1/sales/${saleId}/orders`, { as: 'ann',
        raw: 'quantity=1', headers: { 'idempotency-key': 'k',
          'content-type': 'application/x-www-form-urlencoded' } }), 'UNSUPPORTED_MEDIA_TYPE');
    });
  });

  describe('a caller who is not known', () => {
    const sign = (claims: object, key = product.config.jwtSecret) =>
      createSigner({ key, algorithm: 'HS256' })({ sub: 'ann', iss: 'fairdrop', aud: 'fairdrop',
        exp: Math.floor(Date.now() / 1_000) + 60, ...claims });
    const unsigned = (token: string) =>
      [Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url'), token.split('.')[1], '']
        .join('.');

    it.each<[string, () => string]>([
      ['signed with another secret', () => sign({}, 'another-secret-'.repeat(4))],
      ['not signed at all', () => unsigned(sign({}))],
      ['expired', () => sign({ exp: Math.floor(Date.now() / 1_000) - 60 })],
      ['for another audience', () => sign({ aud: 'other' })],
      ['of another issuer', () => sign({ iss: 'other' })],
      ['without a subject', () => sign({ sub: undefined })],
      ['not a token', () => 'nonsense'],
    ])('is 401 UNAUTHENTICATED when the token is %s', async (_, token) => {
      const answer = await product.client.call('POST', `/v1/sales/${saleId}/orders`,
        { body: { quantity: 1 }, headers: { 'idempotency-key': 'k',
          authorization: `Bearer ${token()}` } });
      expectProblem(answer, 'UNAUTHENTICATED');
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    });

    it('is 401 UNAUTHENTICATED without a token', async () => {
      expectProblem(await product.client.call('POST', `/v1/sales/${saleId}/orders`,
        { body: { quantity: 1 }, headers: { 'idempotency-key': 'k' } }), 'UNAUTHENTICATED');
    });
  });

  describe('what the sale refuses', () => {
    it('is 409 SALE_NOT_OPEN with opensAt before it opens', async () => {
      const opensAt = new Date(Date.now() + 600_000).toISOString();
      const later = await product.client.openSale({ opensAt });
      const answer = await product.client.buy(later, 'ann');
      expectProblem(answer, 'SALE_NOT_OPEN');
      expect(answer.body.opensAt).toBe(opensAt);
    });

    it('is 409 SALE_CLOSED once its time is over, and the replay still answers', async () => {
      const { short, order } = await withEnoughTime('a purchase in time', async (seconds) => {
        const id = await openShortSale(product.client, seconds);
        if (id === undefined) return undefined;
        const { status, body } = await product.client.buy(id, 'ann', { key: 'in-time' });
        if (body.code === 'SALE_CLOSED') return undefined;
        expect(status).toBe(202);
        return { short: id, order: body };
      });
      expectProblem(await until('the sale is over', async () => {
        const found = await product.client.buy(short, 'bob');
        return found.body.code === 'SALE_CLOSED' && found;
      }, 60_000), 'SALE_CLOSED');
      expect((await product.client.buy(short, 'ann', { key: 'in-time' })).body.id).toBe(order.id);
    }, 180_000);

    it('is 503 SALE_PAUSED while paused, and 409 SALE_CLOSED when closed', async () => {
      const sale = await product.client.openSale();
      const first = await product.client.order(sale, 'ann', { key: 'before' });
      await product.client.operate(sale, 'pause');
      expectProblem(await product.client.buy(sale, 'bob'), 'SALE_PAUSED');
      expect((await product.client.buy(sale, 'ann', { key: 'before' })).body.id).toBe(first.id);
      await product.client.operate(sale, 'resume');
      expect((await product.client.buy(sale, 'bob')).status).toBe(202);
      await product.client.operate(sale, 'close');
      expectProblem(await product.client.buy(sale, 'cyd'), 'SALE_CLOSED');
      expect((await product.client.buy(sale, 'ann', { key: 'before' })).body.id).toBe(first.id);
    });

    it('is 409 SOLD_OUT when fewer units are left, and never sells a part', async () => {
      const sale = await product.client.openSale({ stock: 3, limitPerUser: 3 });
      expect((await product.client.buy(sale, 'ann', { quantity: 2 })).status).toBe(202);
      expectProblem(await product.client.buy(sale, 'bob', { quantity: 2 }), 'SOLD_OUT');
      expect((await product.client.buy(sale, 'cyd', { quantity: 1 })).status).toBe(202);
      expectProblem(await product.client.buy(sale, 'bob', { quantity: 1 }), 'SOLD_OUT');
    });

    it('is 409 LIMIT_EXCEEDED beyond the limit of a user, until he gives units back', async () => {
      const sale = await product.client.openSale({ limitPerUser: 2 });
      const { id } = await product.client.order(sale, 'ann', { quantity: 2 });
      expectProblem(await product.client.buy(sale, 'ann'), 'LIMIT_EXCEEDED');
      await product.client.cancel(id, 'ann');
      expect((await product.client.buy(sale, 'ann', { quantity: 2 })).status).toBe(202);
      expectProblem(await product.client.buy(sale, 'bob', { quantity: 3 }), 'LIMIT_EXCEEDED');
    });

    it('counts every refusal by its reason in the report', async () => {
      const sale = await product.client.openSale({ stock: 1, limitPerUser: 1 });
      await product.client.order(sale, 'ann');
      await product.client.buy(sale, 'ann');
      await product.client.buy(sale, 'bob');
      const { body } = await product.client.call('GET', `/admin/v1/sales/${sale}/report`,
        { as: admin });
      expect(body['refusals']).toEqual({ SOLD_OUT: 2 });
    });
  });
});

import { expectBooksToBalance } from '../../support/books';
import { admin } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { TestService } from '../../support/service';
import { until } from '../../support/until';
import { withEnoughTime } from '../support/enough-time';

describe("a shop's order service", () => {
  let product: TestProduct;
  let shop: TestService;

  beforeAll(async () => {
    product = await TestProduct.start();
    shop = new TestService(product.client, 'shop');
  });
  afterAll(() => product.stop());

  const openSale = (changes: object = {}) => product.client.openSale(changes);

  it('tries for its user and confirms: the unit is sold', async () => {
    const saleId = await openSale();
    const before = Date.now();
    const { status, body } = await shop.answerTo(saleId, { userId: 'ann', timeLimitSeconds: 60 });
    expect([status, body]).toEqual([201, { id: expect.stringMatching(/^[0-9a-z]{32}_[0-9a-z]{24}$/),
      saleId, userId: 'ann', quantity: 1, status: 'tried',
      expiresAt: expect.stringMatching(/^\d{4}-.*Z$/) }]);
    const limitMs = Date.parse(body.expiresAt ?? '') - before;
    // The time begins when the row is written; that of the sale is 900 s.
    expect(limitMs).toBeGreaterThan(50_000);
    expect(limitMs).toBeLessThan(300_000);
    expect((await shop.end(body.id, 'confirm')).body)
      .toEqual({ id: body.id, saleId, userId: 'ann', quantity: 1, status: 'confirmed' });
    expect((await shop.find(body.id)).body.status).toBe('confirmed');
    const { stock, redis } = await expectBooksToBalance(product, saleId);
    expect([stock.allocated, redis.counters.sold]).toEqual([1, 1]);
  });

  it('cancels: the unit and the allowance of the user are back', async () => {
    const saleId = await openSale({ stock: 1 });
    const { id } = await shop.tried(saleId, { userId: 'ann' });
    expect((await shop.end(id, 'cancel')).body).toMatchObject({ id, status: 'cancelled' });
    expect((await shop.answerTo(saleId, { userId: 'ann' })).status).toBe(201);
    await expectBooksToBalance(product, saleId);
  });

  it('has the time of the sale to confirm when it names none', async () => {
    const saleId = await openSale({ payWindowSeconds: 600 });
    const before = Date.now();
    const { expiresAt } = await shop.tried(saleId, { userId: 'ann' });
    const limitMs = Date.parse(expiresAt ?? '') - before;
    // Far from the 900 s of a sale that says nothing itself.
    expect(limitMs).toBeGreaterThan(590_000);
    expect(limitMs).toBeLessThan(750_000);
  });

  it('finds the same reservation when the answer to its Try was lost', async () => {
    const saleId = await openSale();
    const request = { userId: 'ann', key: 'order-1' };
    const [first, ...others] = await Promise.all(Array.from({ length: 5 },
      () => shop.answerTo(saleId, request)));
    expect(first?.status).toBe(201);
    for (const other of others) expect(other.body).toEqual(first?.body);
    expect((await shop.try(saleId, { ...request, timeLimitSeconds: 5 })).body).toEqual(first?.body);
    const { orders } = await expectBooksToBalance(product, saleId);
    expect(orders).toHaveLength(1);
  });

  it('confirms and cancels by its key, too, when the answer to its Try was lost', async () => {
    const saleId = await openSale();
    const bought = { userId: 'ann', key: 'order-2' };
    const given = { userId: 'bob', key: 'order-3' };
    await Promise.all([shop.tried(saleId, bought), shop.tried(saleId, given)]);
    const confirmed = await shop.byKey(saleId, 'confirm', bought);
    const cancelled = await shop.byKey(saleId, 'cancel', given);
    expect([confirmed.status, confirmed.body.status, cancelled.status, cancelled.body.status])
      .toEqual([200, 'confirmed', 200, 'cancelled']);
    expect((await shop.try(saleId, bought)).body)
      .toMatchObject({ id: confirmed.body.id, status: 'confirmed' });
    expectProblem(await shop.try(saleId, given), 'ORDER_STATE_CONFLICT');
    await expectBooksToBalance(product, saleId);
  });

  it('is refused another quantity under the same key, whatever it asks for', async () => {
    const saleId = await openSale({ limitPerUser: 5 });
    const request = { userId: 'ann', key: 'order-4' };
    await shop.tried(saleId, { ...request, quantity: 2 });
    for (const call of ['try', 'confirm', 'cancel'] as const) {
      expectProblem(await shop.byKey(saleId, call, { ...request, quantity: 3 }),
        'IDEMPOTENCY_KEY_REUSED');
    }
  });

  it('shares the limit per user with what the user buys himself', async () => {
    const saleId = await openSale({ limitPerUser: 2 });
    await product.client.order(saleId, 'ann');
    expectProblem(await shop.try(saleId, { userId: 'ann', quantity: 2 }), 'LIMIT_EXCEEDED');
    await shop.tried(saleId, { userId: 'ann' });
    expectProblem(await product.client.buy(saleId, 'ann'), 'LIMIT_EXCEEDED');
    expectProblem(await new TestService(product.client, 'other').try(saleId, { userId: 'ann' }),
      'LIMIT_EXCEEDED');
    await expectBooksToBalance(product, saleId);
  });

  it('confirms once and cancels once, however often it asks', async () => {
    const saleId = await openSale();
    const { id: bought } = await shop.tried(saleId, { userId: 'ann' });
    const { id: given } = await shop.tried(saleId, { userId: 'bob' });
    for (const [id, call] of [[bought, 'confirm'], [given, 'cancel']] as const) {
      const answers = await Promise.all(Array.from({ length: 4 }, () => shop.end(id, call)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    }
    expectProblem(await shop.end(bought, 'cancel'), 'ORDER_STATE_CONFLICT');
    expectProblem(await shop.end(given, 'confirm'), 'ORDER_STATE_CONFLICT');
    const { stock } = await expectBooksToBalance(product, saleId);
    expect(stock.allocated).toBe(1);
  });

  it('is too late once the time limit is over; the unit goes to the next user', async () => {
    const { saleId, request, id } = await withEnoughTime('the unit is held', async (seconds) => {
      const sale = await openSale({ stock: 1 });
      const tried = { userId: 'ann', key: 'order-5', timeLimitSeconds: seconds };
      const { body } = await shop.answerTo(sale, tried);
      if (body.code === 'ORDER_STATE_CONFLICT') return undefined;
      const other = await shop.answerTo(sale, { userId: 'bob' });
      // Not before its time, as far as the clocks agree.
      const isOver = Date.now() > Date.parse(body.expiresAt ?? '') - 5_000;
      if (other.status === 201 && isOver) return undefined;
      expectProblem(other, 'SOLD_OUT');
      return { saleId: sale, request: tried, id: body.id };
    });
    await until('the unit is on sale again', async () =>
      (await shop.try(saleId, { userId: 'bob', key: 'order-6' })).status === 201, 60_000);
    expectProblem(await shop.end(id, 'confirm'), 'PAYMENT_TOO_LATE');
    expectProblem(await shop.byKey(saleId, 'confirm', { ...request }), 'PAYMENT_TOO_LATE');
    expectProblem(await shop.try(saleId, request), 'ORDER_STATE_CONFLICT');
    expect((await shop.end(id, 'cancel')).body).toMatchObject({ id, status: 'expired' });
    await expectBooksToBalance(product, saleId);
  }, 180_000);

  it('is told why it gets nothing', async () => {
    const at = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString();
    const later = await openSale({ opensAt: at(600_000), closesAt: at(1_200_000) });
    expectProblem(await shop.try(later, { userId: 'ann' }), 'SALE_NOT_OPEN');
    const saleId = await openSale({ stock: 1 });
    await shop.tried(saleId, { userId: 'ann' });
    expectProblem(await shop.try(saleId, { userId: 'bob' }), 'SOLD_OUT');
    await product.client.operate(saleId, 'pause');
    expectProblem(await shop.try(saleId, { userId: 'bob' }), 'SALE_PAUSED');
    await product.client.operate(saleId, 'close');
    expectProblem(await shop.try(saleId, { userId: 'bob' }), 'SALE_CLOSED');
    expectProblem(await shop.try('sale_nowhere', { userId: 'ann' }), 'NOT_FOUND');
    expectProblem(await shop.byKey('sale_nowhere', 'cancel', { userId: 'ann' }), 'NOT_FOUND');
    expectProblem(await shop.try(await product.client.draftSale(), { userId: 'ann' }), 'NOT_FOUND');
  });

  it('can still confirm and cancel what it has when the sale is closed', async () => {
    const saleId = await openSale();
    const { id: bought } = await shop.tried(saleId, { userId: 'ann' });
    const { id: given } = await shop.tried(saleId, { userId: 'bob' });
    await product.client.operate(saleId, 'close');
    expect((await shop.end(bought, 'confirm')).status).toBe(200);
    expect((await shop.end(given, 'cancel')).status).toBe(200);
    await expectBooksToBalance(product, saleId);
  });

  it('sees nothing of another service, even with the same key', async () => {
    const saleId = await openSale();
    const other = new TestService(product.client, 'other');
    const request = { userId: 'ann', key: 'order-7' };
    const { id } = await shop.tried(saleId, request);
    expectProblem(await other.find(id), 'NOT_FOUND');
    expectProblem(await other.end(id, 'confirm'), 'NOT_FOUND');
    expectProblem(await other.end(id, 'cancel'), 'NOT_FOUND');
    expectProblem(await other.byKey(saleId, 'confirm', request), 'NOT_FOUND');
    expect((await other.byKey(saleId, 'cancel', request)).body.id).not.toBe(id);
    expect((await shop.find(id)).body.status).toBe('tried');
  });

  it('knows no ids but its own', async () => {
    const saleId = await openSale();
    const { id: bought } = await product.client.order(saleId, 'ann');
    for (const id of [bought, 'nothing', `${bought}_${'0'.repeat(24)}`]) {
      expectProblem(await shop.find(id), 'NOT_FOUND');
      expectProblem(await shop.end(id, 'confirm'), 'NOT_FOUND');
      expectProblem(await shop.end(id, 'cancel'), 'NOT_FOUND');
    }
    expectProblem(await shop.byKey(saleId, 'confirm', { userId: 'ann' }), 'NOT_FOUND');
    expectProblem(await shop.find('a b'), 'VALIDATION_FAILED');
  });

  it('alone decides about its reservation: the user sees it, and neither pays nor cancels it',
    async () => {
      const saleId = await openSale();
      const { id } = await shop.tried(saleId, { userId: 'ann' });
      expect((await product.client.find(id, 'ann')).body).toMatchObject({ status: 'pending_payment' });
      expectProblem(await product.client.cancel(id, 'ann'), 'ORDER_STATE_CONFLICT');
      expectProblem(await product.client.startPayment(id, 'ann'), 'ORDER_STATE_CONFLICT');
      expect((await shop.end(id, 'confirm')).status).toBe(200);
      expectProblem(await product.client.startPayment(id, 'ann'), 'ORDER_STATE_CONFLICT');
      expect((await product.client.find(id, 'ann')).body.status).toBe('paid');
    });

  it('is recognised by its role alone', async () => {
    const saleId = await openSale();
    const path = `/tcc/v1/sales/${saleId}/try`;
    const request = { body: { userId: 'ann', quantity: 1 }, headers: { 'idempotency-key': 'k' } };
    for (const as of ['ann', admin]) {
      expectProblem(await product.client.call('POST', path, { as, ...request }), 'FORBIDDEN');
      expectProblem(await product.client.call('GET', '/tcc/v1/reservations/x', { as }), 'FORBIDDEN');
    }
    expectProblem(await product.client.call('POST', path, request), 'UNAUTHENTICATED');
  });

  it.each<[string, object]>([
    ['no user', { quantity: 1 }], ['no quantity', { userId: 'ann' }],
    ['an invisible user', { userId: 'an\u200bn', quantity: 1 }],
    ['nothing at all', { userId: 'ann', quantity: 0 }],
    ['half a unit', { userId: 'ann', quantity: 0.5 }],
    ['too many units', { userId: 'ann', quantity: 1001 }],
    ['no time', { userId: 'ann', quantity: 1, timeLimitSeconds: 0 }],
    ['more than a week', { userId: 'ann', quantity: 1, timeLimitSeconds: 604_801 }],
    ['a field that nobody knows', { userId: 'ann', quantity: 1, price: 1 }],
  ])('cannot try with %s', async (_what, body) => {
    const saleId = await openSale();
    expectProblem(await product.client.call('POST', `/tcc/v1/sales/${saleId}/try`,
      { as: { userId: 'shop', roles: ['service'] }, body, headers: { 'idempotency-key': 'k' } }),
    'VALIDATION_FAILED');
  });

  it('must name what it tries by a key', async () => {
    const saleId = await openSale();
    expectProblem(await product.client.call('POST', `/tcc/v1/sales/${saleId}/try`,
      { as: { userId: 'shop', roles: ['service'] }, body: { userId: 'ann', quantity: 1 } }),
    'IDEMPOTENCY_KEY_MISSING');
  });
});

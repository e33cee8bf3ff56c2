import type { Identity } from '../../../src/auth';
import { Database } from '../../../src/infra/database';
import { Reconciler } from '../../../src/reconciliation/reconciler';
import { admin, type Method } from '../../support/client';
import { StockAdjustments } from '../../../src/stock/stock-adjustments';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';

const viewer: Identity = { userId: 'looker', roles: ['viewer'] };

interface Document { paths: Record<string, Record<string, unknown>> }

describe('operators', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterAll(() => product.stop());

  const post = (path: string, body?: object, headers: Record<string, string> = {}) =>
    product.client.call('POST', `/admin/v1/${path}`, { as: admin, body, headers });
  const get = <Body = Record<string, unknown>>(path: string) =>
    product.client.call<Body>('GET', `/admin/v1/${path}`, { as: admin });

  it('are asked for on every admin route: 401 for nobody, 403 for a buyer', async () => {
    const { body } = await product.client.call<Document>('GET', '/openapi.json');
    const routes = Object.entries(body.paths).filter(([path]) => path.startsWith('/admin/'))
      .flatMap(([path, methods]) => Object.keys(methods).map((method) =>
        [method.toUpperCase() as Method, path.replace(/\{\w+\}/g, 'any')] as const));
    expect(routes.length).toBeGreaterThan(12);
    for (const [method, path] of routes) {
      const payload = method === 'GET' ? {} : { body: {} };
      expectProblem(await product.client.call(method, path, payload), 'UNAUTHENTICATED');
      expectProblem(await product.client.call(method, path, { as: 'ann', ...payload }), 'FORBIDDEN');
      if (path.endsWith('/timeline')) continue; // a viewer may look, and here there is nothing
      expectProblem(await product.client.call(method, path, { as: viewer, ...payload }), 'FORBIDDEN');
    }
  });

  describe('POST /admin/v1/products and /admin/v1/sales', () => {
    it('are 201 with what was made; the sale is a draft', async () => {
      const made = await post('products', { name: 'Fountain pen', description: 'Blue' });
      expect([made.status, made.body]).toEqual([201,
        { id: expect.any(String), name: 'Fountain pen', description: 'Blue' }]);
      const closesAt = new Date(Date.now() + 3_600_000).toISOString();
      const sale = await post('sales', { productId: made.body['id'], stock: 3, limitPerUser: 2,
        price: { amount: 100, currency: 'JPY' }, opensAt: '2026-01-01T00:00:00Z', closesAt,
        payWindowSeconds: 30 });
      expect(sale.status).toBe(201);
      expect(sale.body).toMatchObject({ id: expect.any(String), state: 'draft', limitPerUser: 2,
        product: { id: made.body['id'], name: 'Fountain pen' }, payWindowSeconds: 30, closesAt,
        price: { amount: 100, currency: 'JPY' }, opensAt: '2026-01-01T00:00:00.000Z' });
    });

    it('are 400 VALIDATION_FAILED with the path of every fault', async () => {
      expect((await post('products', { name: '', size: 1 })).body.errors)
        .toEqual(expect.arrayContaining([expect.objectContaining({ path: 'name' }),
          { path: 'size', message: 'Unknown field' }]));
      const answer = await post('sales', { productId: 'x', stock: 0, limitPerUser: 1,
        price: { amount: -1, currency: 'yen' }, opensAt: 'now', closesAt: 'later' });
      expectProblem(answer, 'VALIDATION_FAILED');
      expect(answer.body.errors?.map(({ path }) => path).sort()).toEqual(
        ['closesAt', 'opensAt', 'price.amount', 'price.currency', 'stock']);
    });
  });

  describe('POST /admin/v1/sales/{id}/preload and /admin/v1/preloads', () => {
    it('are 200 with what is available; again, no change, not even after a sale', async () => {
      const saleId = await product.client.draftSale({ stock: 4 });
      for (let round = 0; round < 2; round += 1) {
        const { status, body } = await product.client.operate(saleId, 'preload');
        expect([status, body]).toEqual([200, { saleId, available: 4 }]);
      }
      await product.client.order(saleId, 'ann');
      expect((await product.client.operate(saleId, 'preload')).body)
        .toEqual({ saleId, available: 3 });
      expect((await product.client.stock(saleId)).total).toBe(4);
    });

    it('load a batch, each sale as it stands', async () => {
      const loaded = await product.client.openSale({ stock: 2 });
      await product.client.order(loaded, 'ann');
      const saleIds = [loaded, await product.client.draftSale({ stock: 9 })];
      const { status, body } = await post('preloads', { saleIds });
      expect([status, body]).toEqual([200,
        [{ saleId: loaded, available: 1 }, { saleId: saleIds[1], available: 9 }]]);
      expectProblem(await post('preloads', { saleIds: [] }), 'VALIDATION_FAILED');
      expectProblem(await post('preloads', { saleIds: ['no-such-sale'] }), 'NOT_FOUND');
    });

    it('are 409 SALE_STATE_CONFLICT when the sale is closed', async () => {
      const saleId = await product.client.openSale();
      await product.client.operate(saleId, 'close');
      expectProblem(await product.client.operate(saleId, 'preload'), 'SALE_STATE_CONFLICT');
    });
  });

  describe('POST /admin/v1/sales/{id}/pause, /resume and /close', () => {
    it('are 200 with the sale, again the same; 409 where the state does not allow it', async () => {
      const saleId = await product.client.openSale();
      for (const [operation, state] of [['pause', 'paused'], ['resume', 'open'],
        ['close', 'closed']] as const) {
        for (let round = 0; round < 2; round += 1) {
          const { status, body } = await product.client.operate(saleId, operation);
          expect([status, body['id'], body['state']]).toEqual([200, saleId, state]);
        }
      }
      expectProblem(await product.client.operate(saleId, 'resume'), 'SALE_STATE_CONFLICT');
      const draft = await product.client.draftSale();
      expectProblem(await product.client.operate(draft, 'pause'), 'SALE_STATE_CONFLICT');
      expectProblem(await product.client.operate('no-such-sale', 'pause'), 'NOT_FOUND');
    });

    it('leave orders that exist alone: they can be paid and cancelled', async () => {
      const saleId = await product.client.openSale();
      const paid = await product.client.order(saleId, 'ann');
      const cancelled = await product.client.order(saleId, 'bob');
      await product.client.operate(saleId, 'close');
      await product.client.pay(paid.id, 'ann');
      expect((await product.client.find(paid.id, 'ann')).body.status).toBe('paid');
      expect((await product.client.cancel(cancelled.id, 'bob')).status).toBe(200);
    });
  });

  describe('POST /admin/v1/sales/{id}/stock-adjustments', () => {
    it('is 200 up and down, once per key, and 409 SOLD_OUT for units that are gone', async () => {
      const saleId = await product.client.openSale({ stock: 5 });
      await product.client.order(saleId, 'ann');
      for (const key of ['up', 'up', 'down', 'down']) {
        const delta = key === 'up' ? 3 : -7;
        const { status, body } = await product.client.adjust(saleId, delta, key);
        expect([status, body]).toEqual([200, { saleId, delta }]);
      }
      expect(await product.client.stock(saleId)).toMatchObject(
        { total: 1, redis: { available: 0 }, database: { allocated: 1 }, drift: 0 });
      for (let round = 0; round < 2; round += 1) {
        expectProblem(await product.client.adjust(saleId, -1, 'too-much'), 'SOLD_OUT');
      }
      expect(await product.client.stock(saleId)).toMatchObject({ total: 1, drift: 0 });
    });

    it('changes a draft as well, before it is loaded', async () => {
      const saleId = await product.client.draftSale({ stock: 5 });
      expect((await product.client.adjust(saleId, -2)).status).toBe(200);
      expect((await product.client.operate(saleId, 'preload')).body)
        .toEqual({ saleId, available: 3 });
    });

    it('refuses a draft more than it has for good, also when it has more later', async () => {
      const saleId = await product.client.draftSale({ stock: 5 });
      expectProblem(await product.client.adjust(saleId, -50, 'slip'), 'SOLD_OUT');
      expect((await product.client.adjust(saleId, 95)).status).toBe(200);
      expectProblem(await product.client.adjust(saleId, -50, 'slip'), 'SOLD_OUT');
      await product.client.operate(saleId, 'preload');
      await product.get(StockAdjustments).finishAll(saleId, { source: 'test', ip: '', traceId: '' });
      expect(await product.client.stock(saleId)).toMatchObject({ total: 100, redis: { available: 100 } });
    });

    it('is 422, 400 or 404 where key, delta or sale are not right', async () => {
      const saleId = await product.client.openSale();
      expect((await product.client.adjust(saleId, 1, 'used')).status).toBe(200);
      expectProblem(await product.client.adjust(saleId, 2, 'used'), 'IDEMPOTENCY_KEY_REUSED');
      expectProblem(await product.client.adjust(saleId, 1, 'used', 'Another reason'),
        'IDEMPOTENCY_KEY_REUSED');
      for (const delta of [0, 1.5]) {
        expectProblem(await product.client.adjust(saleId, delta), 'VALIDATION_FAILED');
      }
      expectProblem(await post(`sales/${saleId}/stock-adjustments`, { delta: 1, reason: 'x' }),
        'IDEMPOTENCY_KEY_MISSING');
      expectProblem(await product.client.adjust('no-such-sale', 1), 'NOT_FOUND');
    });
  });

  it('GET /admin/v1/sales/{id}/stock shows both sides of the stock', async () => {
    const saleId = await product.client.openSale({ stock: 5 });
    const { id } = await product.client.order(saleId, 'ann');
    await product.client.order(saleId, 'bob');
    await product.client.pay(id, 'ann');
    expect(await product.client.atRest(saleId)).toEqual({ saleId, total: 5,
      redis: { available: 3, reserved: 0, ordered: 1, sold: 1 },
      database: { allocated: 2, pendingPayment: 1, paid: 1 },
      inFlight: 0, drift: 0, gate: 'redis', loaded: true, consistent: true });
    expectProblem(await get('sales/no-such-sale/stock'), 'NOT_FOUND');
  });

  it('GET /admin/v1/sales/{id}/report gives the figures as JSON and as CSV', async () => {
    const saleId = await product.client.openSale({ stock: 2 });
    const { id } = await product.client.order(saleId, 'ann');
    await product.client.order(saleId, 'bob');
    await product.client.pay(id, 'ann');
    await product.client.buy(saleId, 'cyd');
    const { status, body } = await get(`sales/${saleId}/report`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ saleId, orders: 2, soldUnits: 1, conversion: 0.5,
      revenue: { amount: 9_900, currency: 'CNY' }, refusals: { SOLD_OUT: 1 },
      ordersByStatus: { paid: 1, pending_payment: 1 } });
    const minutes = body['minutes'] as { minute: string; orders: number }[];
    expect(minutes.reduce((sum, { orders }) => sum + orders, 0)).toBe(2);
    const csv = await get(`sales/${saleId}/report?format=csv`);
    expect(csv.headers['content-type']).toMatch(/^text\/csv/);
    const lines = csv.text.split('\r\n');
    expect(lines[0]).toBe('section,name,value');
    expect(lines).toEqual(expect.arrayContaining([`sale,id,${saleId}`, 'sale,revenue,9900',
      'sale,currency,CNY', 'status,paid,1', 'refusal,SOLD_OUT,1',
      `orders,${minutes[0]?.minute},${minutes[0]?.orders}`]));
    expectProblem(await get(`sales/${saleId}/report?format=xml`), 'VALIDATION_FAILED');
    expectProblem(await get('sales/no-such-sale/report'), 'NOT_FOUND');
  });

  it('POST and GET /admin/v1/reconciliations compare, repair and remember', async () => {
    const reconciler = product.get(Reconciler);
    const run = reconciler.run.bind(reconciler);
    // Else the schedule may be there before the operator.
    jest.spyOn(reconciler, 'run').mockImplementation(async (cause, ...sale) =>
      cause === 'schedule' ? [] : run(cause, ...sale));
    const saleId = await product.client.openSale({ stock: 5 });
    const { id } = await product.client.order(saleId, 'ann');
    // Redis hears of the row a moment after the buyer.
    await product.client.atRest(saleId);
    const clean = await post('reconciliations', { saleId });
    expect(clean).toMatchObject({ status: 200, body: { items: [
      { saleId, drift: 0, repaired: 0, rebuilt: false, driftAfter: 0, consistentAfter: true, inFlight: 0,
        moving: false }] } });
    await product.get(Database).execute(
      "UPDATE orders SET status = 'paid', paid_at = NOW(3) WHERE rid = ?", [id]);
    await product.get(Database).execute(
      'UPDATE sale_stock SET total = total + 1 WHERE sale_id = ?', [saleId]);
    const { body } = await post('reconciliations', { saleId });
    expect(body['items']).toMatchObject([{ saleId, drift: -1, driftAfter: 0 }]);
    expect(await product.client.stock(saleId)).toMatchObject(
      { drift: 0, consistent: true, redis: { available: 5, ordered: 0, sold: 1 } });
    const past = await get<{ items: { saleId: string; cause: string; drift: number }[] }>(
      'reconciliations');
    expect(past.body.items.filter((item) => item.saleId === saleId && item.cause === 'operator')
      .map(({ drift }) => drift)).toEqual([-1, 0]);
    expectProblem(await post('reconciliations', { saleId: 'no-such-sale' }), 'NOT_FOUND');
    expectProblem(await post('reconciliations', { sale: saleId }), 'VALIDATION_FAILED');
  });
});

import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Database } from '../../src/infra/database';
import { SaleLife, SaleStore } from '../../src/sale';
import { saleBody, startSaleApplication, type TestGate } from '../support/sale-application';
import { testConfig, withDatabase } from '../support/stack';
import { until } from '../support/until';

const operator = { actor: 'the-admin', ip: '127.0.0.1', traceId: 'a'.repeat(32) };

describe('the life of a sale', () => {
  let database: Awaited<ReturnType<typeof withDatabase>>;
  let application: NestFastifyApplication;
  let gate: TestGate;
  let call: Awaited<ReturnType<typeof startSaleApplication>>['call'];
  let life: SaleLife;
  let productId: string;

  beforeAll(async () => {
    database = await withDatabase();
    const config = testConfig({ DATABASE_URL: database.databaseUrl, PAY_WINDOW_SECONDS: '77' });
    ({ application, gate, call } = await startSaleApplication(config));
    life = application.get(SaleLife);
    const { body } = await call('POST', '/admin/v1/products', { payload: { name: 'Pen' } });
    productId = String(body.id);
  });

  beforeEach(() => { gate.behaviour = async () => undefined; });

  afterAll(async () => {
    await application.close();
    await database.drop();
  });

  async function createDraft(changes: object = {}): Promise<string> {
    const { status, body } = await call('POST', '/admin/v1/sales',
      { payload: saleBody(productId, changes) });
    expect(status).toBe(201);
    return String(body.id);
  }

  async function createActive(changes: object = {}): Promise<string> {
    const saleId = await createDraft(changes);
    await life.activate(saleId, operator);
    gate.told.set(saleId, 'open'); // as the load does that follows
    return saleId;
  }

  const decide = (saleId: string, operation: string) =>
    call('POST', `/admin/v1/sales/${saleId}/${operation}`);

  const auditOf = async (subjectId: string) => {
    const { body } = await call('GET', `/admin/v1/audit?subjectId=${subjectId}`);
    return body.items as { action: string; actor: string; ip: string; traceId: string }[];
  };

  it('creates a draft with stock, ledger row and audit entry, unseen by buyers', async () => {
    const traceId = 'b'.repeat(32);
    const { status, body } = await call('POST', '/admin/v1/sales', {
      payload: saleBody(productId, { stock: 12, opensAt: '2026-01-31T10:00:00+01:00' }),
      headers: { traceparent: `00-${traceId}-${'c'.repeat(16)}-01` },
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      product: { id: productId, name: 'Pen' }, price: { amount: 9900, currency: 'EUR' },
      limitPerUser: 2, opensAt: '2026-01-31T09:00:00.000Z', payWindowSeconds: 77, state: 'draft',
      protection: {}, strategy: 'lua', redisOutage: 'pause',
    });
    const saleId = String(body.id);
    const rows = application.get(Database);
    expect(await rows.query('SELECT epoch, total, allocated, seq FROM sale_stock WHERE sale_id = ?',
      [saleId])).toEqual([{ epoch: 0, total: 12, allocated: 0, seq: 0 }]);
    expect(await rows.query(
      `SELECT movement_id, kind, available_delta, allocated_delta, source, user_id, trace_id
        FROM stock_ledger WHERE sale_id = ?`, [saleId])).toEqual([{
      movement_id: 'initial', kind: 'stock', available_delta: 12, allocated_delta: 0,
      source: 'create', user_id: 'the-admin', trace_id: traceId,
    }]);
    expect(await auditOf(saleId)).toMatchObject(
      [{ action: 'sale.create', actor: 'the-admin', ip: '127.0.0.1', traceId }]);
    expect((await call('GET', `/v1/sales/${saleId}`)).status).toBe(404);
    expect((await call('GET', `/admin/v1/sales/${saleId}`)).body).toEqual(body);
  });

  it.each<[string, object, string]>([
    ['no stock', { stock: 0 }, 'stock'],
    ['too much stock', { stock: 10_000_001 }, 'stock'],
    ['half a unit', { stock: 1.5 }, 'stock'],
    ['a negative price', { price: { amount: -1, currency: 'EUR' } }, 'price.amount'],
    ['a price too high', { price: { amount: 10 ** 12 + 1, currency: 'EUR' } }, 'price.amount'],
    ['a currency in small letters', { price: { amount: 1, currency: 'eur' } }, 'price.currency'],
    ['a limit of nothing', { limitPerUser: 0 }, 'limitPerUser'],
    ['a limit above what one may buy', { limitPerUser: 1001 }, 'limitPerUser'],
    ['a time without its offset', { opensAt: '2026-01-31T10:00:00' }, 'opensAt'],
    ['a day that does not exist', { opensAt: '2026-02-30T10:00:00Z' }, 'opensAt'],
    ['a time beyond what can be stored', { closesAt: '9999-01-01T00:00:00Z' }, 'closesAt'],
    ['closing before it opens',
      { opensAt: '2099-01-02T00:00:00Z', closesAt: '2099-01-01T00:00:00Z' }, 'closesAt'],
    ['its end in the past',
      { opensAt: '2020-01-01T00:00:00Z', closesAt: '2020-01-02T00:00:00Z' }, 'closesAt'],
    ['no time to pay', { payWindowSeconds: 0 }, 'payWindowSeconds'],
    ['no such product', { productId: 'product_none' }, 'productId'],
    ['an unknown field', { colour: 'red' }, 'colour'],
    ['captchas at some other time', { protection: { captcha: 'often' } }, 'protection.captcha'],
    ['a throttle that is no window', { protection: { throttle: { user: '10 a second' } } },
      'protection.throttle.user'],
    ['a throttle of nothing', { protection: { throttle: { ip: '0/1' } } },
      'protection.throttle.ip'],
    ['shedding that lets nobody in',
      { protection: { shedding: { share: 1, retryAfterSeconds: 2, forSeconds: 10 } } },
      'protection.shedding.share'],
    ['an unknown protection', { protection: { moat: true } }, 'protection.moat'],
  ])('refuses a sale with %s', async (_, changes, path) => {
    const { status, body } = await call('POST', '/admin/v1/sales',
      { payload: saleBody(productId, changes) });
    expect([status, body.code]).toEqual([400, 'VALIDATION_FAILED']);
    expect(body.errors).toEqual([{ path, message: expect.any(String) }]);
  });

  it('keeps every protection as it was written', async () => {
    const protection = { saleToken: true, captcha: 'always', risk: 'shadow',
      throttle: { user: '5/1,30/60', ip: 'off', sale: '1000' },
      shedding: { share: 0.5, retryAfterSeconds: 2, forSeconds: 10 } };
    const saleId = await createDraft({ protection });
    expect((await call('GET', `/admin/v1/sales/${saleId}`)).body).toMatchObject({ protection });
  });

  it('takes protections that are switched off', async () => {
    const protection = { saleToken: false, captcha: 'off' };
    const saleId = await createDraft({ protection });
    expect((await call('GET', `/admin/v1/sales/${saleId}`)).body).toMatchObject({ protection });
  });

  it.each<[object, string]>([
    [{ name: '' }, 'name'],
    [{ name: '   ' }, 'name'],
    [{ name: 'x'.repeat(201) }, 'name'],
    [{ name: 'Pen', imageUrl: 'javascript:alert(1)' }, 'imageUrl'],
    [{}, 'name'],
  ])('refuses the product %j', async (payload, path) => {
    const { status, body } = await call('POST', '/admin/v1/products', { payload });
    expect([status, body.errors]).toEqual([400, [{ path, message: expect.any(String) }]]);
  });

  it('pauses, resumes and closes, in the database, at the gate and for readers', async () => {
    const saleId = await createActive();
    for (const [operation, gateState, state] of [
      ['pause', 'paused', 'paused'], ['resume', 'open', 'open'], ['close', 'closed', 'closed'],
    ]) {
      const { status, body } = await decide(saleId, String(operation));
      expect([status, body.state, gate.told.get(saleId)]).toEqual([200, state, gateState]);
      expect((await call('GET', `/v1/sales/${saleId}`)).body.state).toBe(state);
    }
    const actions = (await auditOf(saleId)).map(({ action }) => action);
    expect(actions.sort()).toEqual(
      ['sale.activate', 'sale.close', 'sale.create', 'sale.pause', 'sale.resume']);
  });

  it('answers a repeated decision alike and records it once', async () => {
    const saleId = await createActive();
    const [first, ...again] = await Promise.all(
      Array.from({ length: 10 }, () => decide(saleId, 'pause')));
    for (const { status, body } of again) {
      expect([status, body]).toEqual([200, first?.body]);
    }
    const pauses = (await auditOf(saleId)).filter(({ action }) => action === 'sale.pause');
    expect(pauses).toHaveLength(1);
  });

  it('never opens a closed sale again, and never decides about a draft', async () => {
    const closed = await createActive();
    await decide(closed, 'close');
    const draft = await createDraft();
    for (const [saleId, operation] of [
      [closed, 'resume'], [closed, 'pause'], [draft, 'pause'], [draft, 'resume'], [draft, 'close'],
    ]) {
      const { status, body } = await decide(String(saleId), String(operation));
      expect([status, body.code]).toEqual([409, 'SALE_STATE_CONFLICT']);
    }
    expect((await decide('sale_none', 'pause')).status).toBe(404);
  });

  it('says that a pause is not in force while Redis is away, and does it later', async () => {
    const saleId = await createActive();
    gate.behaviour = async () => { throw new Error('Redis is away'); };
    const { status, body, headers } = await decide(saleId, 'pause');
    expect([status, body.code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
    expect(headers['retry-after']).toBe('1');
    expect((await call('GET', `/v1/sales/${saleId}`)).body.state).toBe('paused');
    gate.behaviour = async () => undefined;
    await life.putAllInForce(await application.get(SaleStore).live());
    expect(gate.told.get(saleId)).toBe('paused');
    expect((await decide(saleId, 'pause')).status).toBe(200);
  });

  it('leaves the gate at the last word when the first of two decisions arrives last', async () => {
    const saleId = await createActive();
    const late = Promise.withResolvers<void>();
    let messages = 0;
    gate.behaviour = async () => {
      messages += 1;
      if (messages === 1) await late.promise;
    };
    const pausing = decide(saleId, 'pause');
    await until('the first is on its way', async () => messages === 1);
    expect((await decide(saleId, 'resume')).body.state).toBe('open');
    late.resolve();
    expect((await pausing).body.state).toBe('open');
    expect(gate.told.get(saleId)).toBe('open');
  });

  it('does not undo a pause that was decided while the gate was being checked', async () => {
    const saleId = await createActive();
    const checked = await application.get(SaleStore).live();
    await decide(saleId, 'pause');
    const apply = jest.spyOn(gate, 'apply');
    await life.putAllInForce(checked);
    expect(apply.mock.calls.filter(([, state]) => state === 'open')).toEqual([]);
    apply.mockRestore();
    expect(gate.told.get(saleId)).toBe('paused');
  });

  it('writes to the gate only where it says something else than the operators', async () => {
    const behind = await createActive();
    await createActive();
    await decide(behind, 'close');
    gate.told.set(behind, 'open');
    const apply = jest.spyOn(gate, 'apply');
    await life.putAllInForce(await application.get(SaleStore).live());
    expect(apply.mock.calls).toEqual([[behind, 'closed']]);
    apply.mockRestore();
  });

  it('retires a sale only when it is over, and once', async () => {
    const saleId = await createActive();
    expect(await life.retire(saleId, operator)).toBe(false);
    await decide(saleId, 'close');
    expect(await life.retire(saleId, operator)).toBe(true);
    expect(await life.retire(saleId, operator)).toBe(false);
    expect((await call('GET', `/v1/sales/${saleId}`)).body.state).toBe('closed');
    const { body } = await call('GET', '/v1/sales');
    expect(body.items).not.toContainEqual(expect.objectContaining({ id: saleId }));
    const shortSale = await createActive();
    expect(await life.retire(shortSale, operator)).toBe(false);
    await application.get(Database).execute(
      'UPDATE sales SET closes_at = NOW(3) WHERE id = ?', [shortSale]);
    expect(await life.retire(shortSale, operator)).toBe(true);
  });

  it.each([
    ['POST', '/admin/v1/products'], ['GET', '/admin/v1/products'], ['POST', '/admin/v1/sales'],
    ['GET', '/admin/v1/sales'], ['GET', '/admin/v1/sales/sale_1'], ['GET', '/admin/v1/audit'],
    ['POST', '/admin/v1/sales/sale_1/pause'], ['POST', '/admin/v1/sales/sale_1/resume'],
    ['POST', '/admin/v1/sales/sale_1/close'],
  ] as const)('lets only operators call %s %s', async (method, url) => {
    expect((await call(method, url, { role: 'viewer' })).status).toBe(403);
    expect((await call(method, url, { anonymous: true })).status).toBe(401);
  });

  it.each(['products', 'sales', 'audit'])('pages through all %s, each once', async (list) => {
    for (let count = 0; count < 55; count += 1) {
      await life.createProduct({ name: `Product ${count}` }, operator);
      await createDraft();
    }
    const seen: { id: string; at?: string; createdAt?: string }[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query = cursor === '' ? '' : `?cursor=${cursor}`;
      const { status, body } = await call('GET', `/admin/v1/${list}${query}`);
      expect(status).toBe(200);
      seen.push(...body.items as typeof seen);
      cursor = body.nextCursor as string | null;
    }
    const table = { products: 'products', sales: 'sales', audit: 'audit_log' }[list];
    const [count] = await application.get(Database)
      .query<{ rows: number }>(`SELECT COUNT(*) AS \`rows\` FROM ${table}`);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(count?.rows);
    expect(seen).toHaveLength(count?.rows ?? 0);
    const times = seen.map(({ at, createdAt }) => at ?? createdAt ?? '');
    expect(times).toEqual([...times].sort().reverse());
    expect((await call('GET', `/admin/v1/${list}?cursor=x`)).status).toBe(400);
  });
});

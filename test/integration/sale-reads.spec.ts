import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ServerClock } from '../../src/infra/redis';
import { SaleCatalog, SaleLife, SaleStore } from '../../src/sale';
import { saleBody, startSaleApplication, type TestGate } from '../support/sale-application';
import { testConfig, withDatabase } from '../support/stack';
import { until } from '../support/until';

const operator = { actor: 'the-admin', ip: '127.0.0.1', traceId: 'a'.repeat(32) };
/** For so long a number of units is remembered. */
const numbersAreKeptMs = 200;

describe('reading sales', () => {
  let database: Awaited<ReturnType<typeof withDatabase>>;
  let application: NestFastifyApplication;
  let other: NestFastifyApplication;
  let gate: TestGate;
  let call: Awaited<ReturnType<typeof startSaleApplication>>['call'];
  let life: SaleLife;
  let productId: string;

  beforeAll(async () => {
    database = await withDatabase();
    const config = testConfig({ DATABASE_URL: database.databaseUrl });
    ({ application, gate, call } = await startSaleApplication(config));
    ({ application: other } = await startSaleApplication(config));
    life = application.get(SaleLife);
    productId = (await life.createProduct({ name: 'Pen', description: 'Blue' }, operator)).id;
  });

  beforeEach(() => { gate.behaviour = async () => undefined; });

  afterEach(() => { jest.restoreAllMocks(); });

  afterAll(async () => {
    await Promise.all([application.close(), other.close()]);
    await database.drop();
  });

  async function createActive(available: number | undefined,
    changes: object = {}): Promise<string> {
    const { body } = await call('POST', '/admin/v1/sales',
      { payload: saleBody(productId, changes) });
    const saleId = String(body.id);
    gate.counts.set(saleId, available);
    await life.activate(saleId, operator);
    return saleId;
  }

  const read = (saleId: string, headers: Record<string, string> = {}) =>
    call('GET', `/v1/sales/${saleId}`, { anonymous: true, headers });

  /** The first answer for which the stock is asked: a number is remembered so long, no longer. */
  function readAnew(saleId: string, headers: Record<string, string> = {}) {
    const startedAt = performance.now();
    return until('the stock is asked', async () => {
      const before = gate.reads;
      const isOld = performance.now() - startedAt > numbersAreKeptMs;
      const answer = await read(saleId, headers);
      const isNew = gate.reads > before;
      if (isOld) expect(isNew).toBe(true);
      return isNew && answer;
    });
  }

  it('shows anybody what is sold, for how much, when, and how many are left', async () => {
    const saleId = await createActive(7);
    const { status, body } = await read(saleId);
    expect(status).toBe(200);
    expect(body).toEqual({
      id: saleId, product: { id: productId, name: 'Pen', description: 'Blue' },
      price: { amount: 9900, currency: 'EUR' }, limitPerUser: 2, payWindowSeconds: 900,
      opensAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      closesAt: expect.stringMatching(/Z$/), state: 'open', available: 7, needsSaleToken: false,
    });
  });

  it('answers 304 until a byte changes', async () => {
    const saleId = await createActive(7);
    const { headers } = await read(saleId);
    const etag = String(headers['etag']);
    expect(etag).toMatch(/^"[\w-]+"$/);
    expect(headers['cache-control']).toBe('public, max-age=1');
    expect(headers['content-type']).toMatch(/^application\/json/);
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const unchanged = await read(saleId, { 'if-none-match': tag });
      expect([unchanged.status, unchanged.text]).toEqual([304, '']);
      expect(unchanged.headers).toMatchObject({ etag, 'cache-control': 'public, max-age=1' });
    }
    gate.counts.set(saleId, 6);
    const changed = await readAnew(saleId, { 'if-none-match': etag });
    expect([changed.status, changed.body.available]).toEqual([200, 6]);
  });

  it('says sold_out when nothing is left and scheduled before it opens', async () => {
    const soldOut = await createActive(0);
    const later = await createActive(5, { opensAt: new Date(Date.now() + 60_000).toISOString() });
    expect((await read(soldOut)).body).toMatchObject({ state: 'sold_out', available: 0 });
    expect((await read(later)).body).toMatchObject({ state: 'scheduled', available: 5 });
  });

  it('opens and closes by the clock, without anybody doing anything', async () => {
    const opensAtMs = Date.now() + 600_000;
    const closesAtMs = opensAtMs + 600_000;
    const saleId = await createActive(5, { opensAt: new Date(opensAtMs).toISOString(),
      closesAt: new Date(closesAtMs).toISOString() });
    const clock = jest.spyOn(application.get(ServerClock), 'now');
    for (const [nowMs, state] of [[opensAtMs - 1, 'scheduled'], [opensAtMs, 'open'],
      [closesAtMs - 1, 'open'], [closesAtMs, 'closed']] as const) {
      clock.mockReturnValue(nowMs);
      expect((await read(saleId)).body.state).toBe(state);
    }
  });

  it('lists the next to open first and what is over last', async () => {
    const at = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString();
    const closed = await createActive(1);
    await life.close(closed, operator);
    const later = await createActive(1, { opensAt: at(120_000) });
    const sooner = await createActive(1, { opensAt: at(60_000) });
    const open = await createActive(1);
    const { headers, body } = await call('GET', '/v1/sales', { anonymous: true });
    const ids = (body.items as { id: string }[]).map(({ id }) => id)
      .filter((id) => [closed, later, sooner, open].includes(id));
    expect(ids).toEqual([open, sooner, later, closed]);
    expect(headers['etag']).toBeDefined();
  });

  it('asks the stock hardly ever, however large the crowd', async () => {
    const saleId = await createActive(7);
    gate.reads = 0;
    const startedAt = performance.now();
    const crowd = await Promise.all(Array.from({ length: 500 }, () => read(saleId)));
    const readsAtMost = (performance.now() - startedAt) / numbersAreKeptMs + 1;
    expect(new Set(crowd.map(({ status }) => status))).toEqual(new Set([200]));
    expect(gate.reads).toBeLessThanOrEqual(readsAtMost);
  });

  it('shows the last number known while Redis is away, and when it does not answer', async () => {
    const saleId = await createActive(7);
    await read(saleId);
    const unknown = await createActive(7);
    gate.behaviour = async () => { throw new Error('Redis is away'); };
    expect((await readAnew(saleId)).body).toMatchObject({ state: 'open', available: 7 });
    expect((await read(unknown)).body).not.toHaveProperty('available');
    gate.behaviour = () => new Promise(() => undefined);
    // It never answers: whoever waited for it would have no answer either.
    expect((await readAnew(saleId)).body.available).toBe(7);
  });

  it('shows it of a sale whose part of Redis is away, and the new one of every other', async () => {
    const [away, there] = [await createActive(7), await createActive(7)];
    const unknown = await createActive(undefined);
    const list = async () => {
      const { body } = await call('GET', '/v1/sales', { anonymous: true });
      const counts = new Map((body.items as { id: string; available?: number }[])
        .map(({ id, available }) => [id, available]));
      return [away, there, unknown].map((id) => counts.get(id));
    };
    // Remembered together they grow old together: the stock is asked for all three again at once.
    expect(await list()).toEqual([7, 7, undefined]);
    gate.counts.set(away, undefined);
    gate.counts.set(there, 5);
    const numbers = await until('the new number is shown', async () => {
      const shown = await list();
      return shown[1] === 5 && shown;
    });
    expect(numbers).toEqual([7, 5, undefined]);
  });

  it('is 404 for what does not exist and 400 for what is no id', async () => {
    expect((await read('sale_none')).body.code).toBe('NOT_FOUND');
    expect((await read('a.b')).body.code).toBe('VALIDATION_FAILED');
  });

  it('tells the time of the clock that decides', async () => {
    const time = () => call('GET', '/v1/time', { anonymous: true });
    expect(Math.abs(Number((await time()).body.now) - Date.now())).toBeLessThan(60_000);
    jest.spyOn(application.get(ServerClock), 'now').mockReturnValue(1_234_567);
    const { body, headers } = await time();
    expect(body.now).toBe(1_234_567);
    expect(headers['cache-control']).toBe('no-store');
  });

  it('tells the other processes at once', async () => {
    const saleId = await createActive(7);
    const catalog = other.get(SaleCatalog);
    catalog.onModuleDestroy(); // it no longer looks by itself: what it learns it was told
    for (const status of ['paused', 'active', 'paused', 'active', 'paused']) {
      await (status === 'paused' ? life.pause(saleId, operator) : life.resume(saleId, operator));
      await until(`the other process knows it is ${status}`, async () =>
        (await catalog.find(saleId))?.status === status);
    }
  });

  it('sells on from the last snapshot while the database is away', async () => {
    const saleId = await createActive(7);
    const store = application.get(SaleStore);
    jest.spyOn(store, 'live').mockRejectedValue(new Error('the database is away'));
    const catalog = application.get(SaleCatalog);
    await catalog.refresh();
    expect((await catalog.find(saleId))?.id).toBe(saleId);
    expect((await read(saleId)).status).toBe(200);
  });
});

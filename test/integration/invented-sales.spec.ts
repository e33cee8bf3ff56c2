import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Database } from '../../src/infra/database';
import { newId } from '../../src/kernel';
import { SaleLife, SaleStore } from '../../src/sale';
import { saleBody, startSaleApplication, type TestGate } from '../support/sale-application';
import { testConfig, withDatabase } from '../support/stack';
import { until } from '../support/until';

const operator = { actor: 'the-admin', ip: '127.0.0.1', traceId: 'a'.repeat(32) };
/** So long the database rests between two looks, 50 ms, less what a timer may be early. */
const restMs = 49;

/** Cache penetration: ids that nobody ever made must not become work for the servers. */
describe('a flood of invented sales', () => {
  let database: Awaited<ReturnType<typeof withDatabase>>;
  let application: NestFastifyApplication;
  let other: NestFastifyApplication;
  let gate: TestGate;
  let call: Awaited<ReturnType<typeof startSaleApplication>>['call'];
  let callOther: typeof call;
  /** The ids that each statement asked the database for. */
  let looks: string[][];

  beforeAll(async () => {
    database = await withDatabase();
    const config = testConfig({ DATABASE_URL: database.databaseUrl });
    ({ application, gate, call } = await startSaleApplication(config));
    ({ application: other, call: callOther } = await startSaleApplication(config));
  });

  beforeEach(() => {
    looks = [];
    gate.reads = 0;
    const real = application.get(Database);
    const query = real.query.bind(real);
    jest.spyOn(real, 'query').mockImplementation((sql, values = []) => {
      if (sql.includes('WHERE s.id IN')) looks.push(values.flat() as string[]);
      return query(sql, values);
    });
  });

  afterEach(() => { jest.restoreAllMocks(); });

  afterAll(async () => {
    await Promise.all([application.close(), other.close()]);
    await database.drop();
  });

  const invented = (count: number) => Array.from({ length: count }, () => newId('sale'));
  const read = async (saleId: string) =>
    (await call('GET', `/v1/sales/${saleId}`, { anonymous: true })).status;
  const tally = async (answers: readonly Promise<number>[]) =>
    [...new Set(await Promise.all(answers))];

  async function makeDraft(): Promise<string> {
    const { id: productId } = await application.get(SaleLife)
      .createProduct({ name: 'Pen' }, operator);
    const { body } = await call('POST', '/admin/v1/sales', { payload: saleBody(productId) });
    return String(body.id);
  }

  it('costs one look an id, together with others, and none the second time', async () => {
    const ids = invented(2_000);
    const startedAt = performance.now();
    // Each id by two callers at once, in crowds of 500.
    for (let from = 0; from < ids.length; from += 500) {
      const crowd = ids.slice(from, from + 500);
      expect(await tally([...crowd, ...crowd].map(read))).toEqual([404]);
    }
    const looksAtMost = (performance.now() - startedAt) / restMs + 1;
    expect(looks.flat().sort()).toEqual(ids.sort());
    expect(looks.length).toBeLessThanOrEqual(looksAtMost);
    expect(await tally(ids.map(read))).toEqual([404]);
    expect(looks.flat()).toHaveLength(ids.length);
    expect(gate.reads).toBe(0);
  });

  it('costs nothing where no id looks like that', async () => {
    const ids = ['none', 'sale_none', `${newId('sale')}0`, newId('product'), newId('Sale'),
      newId('sale').toUpperCase(), newId('sale').replace(/.$/, 'l')];
    expect(await tally(ids.map(read))).toEqual([404]);
    expect([looks, gate.reads]).toEqual([[], 0]);
  });

  it('keeps no new sale from being seen: at once where it was made, soon elsewhere', async () => {
    const flood = invented(1_000).map(read);
    const saleId = await makeDraft();
    expect(await read(saleId)).toBe(404);
    await application.get(SaleLife).activate(saleId, operator);
    expect(await read(saleId)).toBe(200);
    // Long before it would forget, after a minute, that there is no such sale.
    await until('the other process has it', async () =>
      (await callOther('GET', `/v1/sales/${saleId}`, { anonymous: true })).status === 200, 30_000);
    expect(await tally(flood)).toEqual([404]);
  });

  it('that cannot be looked up is told to come back, and a sale that is there is sold on', async () => {
    const saleId = await makeDraft();
    await application.get(SaleLife).activate(saleId, operator);
    const answer = freezeLooks();
    const [id = ''] = invented(1);
    const first = read(id);
    await until('the first look is on its way', async () => looks.flat().includes(id));
    // The next look waits for it, with as many ids as one may have.
    const waiting = invented(1_000).map(read);
    const refused = invented(100).map(read);
    expect(await tally(refused)).toEqual([503]);
    expect(await read(saleId)).toBe(200);
    answer();
    expect(await tally([first, ...waiting])).toEqual([404]);
  });

  /** Looks reach the database and wait there, until the function returned is called. */
  function freezeLooks(): () => void {
    let thaw: () => void = () => undefined;
    const thawed = new Promise<void>((resolve) => { thaw = resolve; });
    const store = application.get(SaleStore);
    const real = store.findMany.bind(store);
    jest.spyOn(store, 'findMany').mockImplementation(async (ids) => {
      const found = await real(ids);
      await thawed;
      return found;
    });
    return thaw;
  }
});

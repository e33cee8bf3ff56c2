import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { mintToken } from '../../src/auth';
import { createApplication } from '../../src/create-application';
import { Database } from '../../src/infra/database';
import { StockReader } from '../../src/stock';
import { saleBody } from '../support/sale-application';
import { testConfig, withDatabase } from '../support/stack';
import { until } from '../support/until';

describe('a sale in the whole product', () => {
  let database: Awaited<ReturnType<typeof withDatabase>>;
  let application: NestFastifyApplication;
  let call: (method: 'GET' | 'POST', url: string, payload?: object) =>
    Promise<{ status: number; body: Record<string, unknown> }>;

  beforeAll(async () => {
    database = await withDatabase();
    const config = testConfig({ DATABASE_URL: database.databaseUrl });
    application = await createApplication(config);
    await application.init();
    const authorization = `Bearer ${mintToken(config, { userId: 'operator', roles: ['admin'] })}`;
    call = async (method, url, payload) => {
      const answer = await application.inject({ method, url, payload, headers: { authorization } });
      return { status: answer.statusCode, body: answer.json() };
    };
  });

  afterAll(async () => {
    await application.close();
    await database.drop();
  });

  async function createDraft(): Promise<string> {
    const product = await call('POST', '/admin/v1/products', { name: 'Pen' });
    const draft = await call('POST', '/admin/v1/sales', saleBody(product.body.id, { stock: 5 }));
    expect([draft.status, draft.body.state]).toEqual([201, 'draft']);
    return String(draft.body.id);
  }

  it('is created, preloaded, paused, resumed and closed', async () => {
    const saleId = await createDraft();
    const url = `/admin/v1/sales/${saleId}`;
    const buyersUrl = `/v1/sales/${saleId}`;
    expect((await call('GET', buyersUrl)).status).toBe(404);
    const preloaded = { saleId, available: 5 };
    for (const { status, body } of [
      await call('POST', `${url}/preload`), await call('POST', `${url}/preload`),
    ]) expect([status, body]).toEqual([200, preloaded]);
    // No number is told while Redis takes its time.
    const seen = await until('a number is told', async () => {
      const { body } = await call('GET', buyersUrl);
      return body.available !== undefined && body;
    });
    expect(seen).toMatchObject({ state: 'open', available: 5 });
    for (const [operation, state] of [
      ['pause', 'paused'], ['resume', 'open'], ['close', 'closed'],
    ]) {
      const { status, body } = await call('POST', `${url}/${operation}`);
      expect([status, body.state, body.available]).toEqual([200, state, 5]);
      expect((await call('GET', buyersUrl)).body.state).toBe(state);
    }
    expect((await call('POST', `${url}/resume`)).body.code).toBe('SALE_STATE_CONFLICT');
  });

  it('comes to be paused at the gate when the process died before it could say so', async () => {
    const saleId = await createDraft();
    await call('POST', `/admin/v1/sales/${saleId}/preload`);
    const stateAtGate = async () => (await application.get(StockReader).audit(saleId)).state;
    expect(await stateAtGate()).toBe('open');
    await application.get(Database)
      .execute("UPDATE sales SET status = 'paused' WHERE id = ?", [saleId]);
    await until('it is paused', async () => await stateAtGate() === 'paused', 60_000);
  }, 90_000);
});

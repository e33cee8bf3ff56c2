import type { RowDataPacket } from 'mysql2';
import { until } from '../support/until';
import { checkBooks } from './support/books';
import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';

jest.setTimeout(300_000);

/** What test/fault/scenarios/database-mode.spec.ts cannot say of every crowd. */
describe('the database gives the units away', () => {
  let servers: PrivateServers;
  let deployment: Deployment;

  beforeAll(async () => { servers = await PrivateServers.start(); });
  afterAll(async () => { await servers.stop(); });
  beforeEach(async () => {
    deployment = await Deployment.create(servers, { environment: { REDIS_OUTAGE_SECONDS: '1' } });
  });
  afterEach(async () => { await deployment.stop(); });

  async function read<Row>(sql: string, saleId: string): Promise<Row[]> {
    const connection = await deployment.connectDatabase();
    try {
      return (await connection.query(sql, [saleId]))[0] as (RowDataPacket & Row)[];
    } finally {
      await connection.end();
    }
  }
  const untilGate = (saleId: string, gate: string) => until(`the gate is ${gate}`, async () => {
    const [row] = await read<{ gate: string }>(
      'SELECT gate FROM sale_stock WHERE sale_id = ?', saleId);
    return row?.gate === gate;
  }, 60_000);

  it('exactly 500 to 2,000 buyers with Redis dead the whole time', async () => {
    const { client } = await deployment.start({ roles: 'api' });
    await deployment.start();
    const saleId = await client.openSale({ stock: 500, redisOutage: 'database' });
    await servers.killRedis();
    await untilGate(saleId, 'database');
    const crowd = deployment.crowd(saleId);
    const startedAt = performance.now();
    await crowd.press(2_000);
    const seconds = (performance.now() - startedAt) / 1_000;
    process.stdout.write(`database mode: ${crowd.acknowledged.length} of 2000 in ${
      seconds.toFixed(1)} s\n`);
    expect(crowd.acknowledged.length).toBe(500);
    expect(Object.fromEntries(crowd.refusals)).toEqual({ SOLD_OUT: 1_500 });
    const [paid, cancelled] = crowd.acknowledged;
    await client.pay(paid?.orderId ?? '', paid?.userId ?? '');
    await client.cancel(cancelled?.orderId ?? '', cancelled?.userId ?? '');
    await until('it is ready', async () =>
      (await client.call('GET', '/health/ready')).status === 200);
    await servers.startRedis();
    await untilGate(saleId, 'redis');
    const { database, redis } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect(database.allocated).toBe(499);
    expect(redis).toMatchObject({ available: 1, ordered: 498, sold: 1 });
  });
});

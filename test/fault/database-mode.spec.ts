import { until } from '../support/until';
import { checkBooks } from './support/books';
import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';

jest.setTimeout(180_000);

describe('a sale that goes on in the database while Redis is gone', () => {
  let servers: PrivateServers;
  let deployment: Deployment;

  beforeAll(async () => { servers = await PrivateServers.start(); });
  afterAll(async () => { await servers.stop(); });
  beforeEach(async () => {
    deployment = await Deployment.create(servers,
      { environment: { REDIS_OUTAGE_SECONDS: '1' } });
  });
  afterEach(async () => { await deployment.stop(); });

  const gateOf = async (saleId: string) => {
    const connection = await deployment.connectDatabase();
    const [rows] = await connection.query('SELECT gate FROM sale_stock WHERE sale_id = ?', [saleId]);
    await connection.end();
    return (rows as { gate: string }[])[0]?.gate;
  };
  const untilGate = (saleId: string, gate: string) =>
    until(`the gate is ${gate}`, async () => await gateOf(saleId) === gate, 20_000);

  it('sells exactly 500 units to 2,000 buyers with Redis dead the whole time', async () => {
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
    expect((await client.call('GET', '/health/ready')).status).toBe(200);
    await servers.startRedis();
    await untilGate(saleId, 'redis');
    const { database, redis } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect(database.allocated).toBe(499);
    expect(redis).toMatchObject({ available: 1, ordered: 498, sold: 1 });
  });

  it('keeps every promise that was given just before Redis went', async () => {
    const { client } = await deployment.start({ roles: 'api' });
    await deployment.start();
    const saleId = await client.openSale({ stock: 100_000, redisOutage: 'database' });
    const crowd = deployment.crowd(saleId);
    crowd.start(40);
    await crowd.acknowledge(400);
    await servers.killRedis();
    await untilGate(saleId, 'database');
    await crowd.acknowledge(200);
    servers.emptyRedis();
    await servers.startRedis();
    await untilGate(saleId, 'redis');
    await crowd.acknowledge(200);
    await crowd.finish();
    const { rows } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect(rows.filter(({ status }) => status === 'rejected')).toEqual([]);
  });
});

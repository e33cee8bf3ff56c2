import type { RowDataPacket } from 'mysql2';
import { until } from '../support/until';
import { checkBooks } from './support/books';
import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';
import { scale } from './support/stage';

jest.setTimeout(180_000);

const strategies = scale === 'full'
  ? ['database-optimistic', 'database-row-lock', 'database-unit-rows', 'segment-lock']
  : ['database-unit-rows'];

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
  }, 20_000);

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
    expect((await client.call('GET', '/health/ready')).status).toBe(200);
    await servers.startRedis();
    await untilGate(saleId, 'redis');
    const { database, redis } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect(database.allocated).toBe(499);
    expect(redis).toMatchObject({ available: 1, ordered: 498, sold: 1 });
  });

  it.each(strategies)(
    'by %s, exactly, although processes are killed while they write', async (strategy) => {
      const first = await deployment.start({ roles: 'api' });
      const second = await deployment.start({ roles: 'api' });
      const saleId = await first.client.openSale({ stock: 150, strategy });
      const crowd = deployment.crowd(saleId);
      crowd.start(30);
      await crowd.acknowledge(30);
      await second.end();
      await crowd.acknowledge(20);
      await deployment.start({ roles: 'api' });
      await first.end();
      await crowd.sellOut();
      await crowd.finish();
      expect(await crowd.askAgain()).toEqual(crowd.acknowledged.map(({ orderId }) => orderId));
      const [sums] = await read<{ rows: number; allocated: number; ledger: number; beside: number }>(
        `SELECT (SELECT SUM(quantity) FROM orders WHERE sale_id = s.sale_id) AS \`rows\`, s.allocated,
            (SELECT SUM(allocated_delta) FROM stock_ledger WHERE sale_id = s.sale_id) AS ledger,
            (SELECT COUNT(rid) FROM stock_units WHERE sale_id = s.sale_id)
              + (SELECT COALESCE(SUM(allocated), 0) FROM stock_segments WHERE sale_id = s.sale_id)
              AS beside
          FROM sale_stock s WHERE s.sale_id = ?`, saleId);
      const hasUnits = strategy === 'database-unit-rows' || strategy === 'segment-lock';
      expect(sums).toEqual({ rows: 150, allocated: 150, ledger: 150, beside: hasUnits ? 150 : 0 });
      expect(crowd.acknowledged).toHaveLength(150);
    });
});

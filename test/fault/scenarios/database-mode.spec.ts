import { until } from '../../support/until';
import { scenario } from '../support/scenario';
import type { Outcome, Stage } from '../support/stage';

const sale = { redisOutage: 'database' };
const environment = { REDIS_OUTAGE_SECONDS: '1' };

async function rowsOf<Row>({ deployment }: Stage, sql: string, values: unknown[]): Promise<Row[]> {
  const connection = await deployment.connectDatabase();
  try {
    const [rows] = await connection.query(sql, values);
    return rows as Row[];
  } finally {
    await connection.end();
  }
}

async function gateOf(stage: Stage): Promise<string | undefined> {
  const [row] = await rowsOf<{ gate: string }>(stage,
    'SELECT gate FROM sale_stock WHERE sale_id = ?', [stage.saleId]);
  return row?.gate;
}

const untilGate = (stage: Stage, gate: 'redis' | 'database') =>
  until(`the gate is ${gate}`, async () => await gateOf(stage) === gate, 30_000);

/** Whoever was told yes has his order: not even a refusal by name. */
function expectAllKept(_stage: Stage, { books: { rows } }: Outcome): void {
  expect(rows.filter(({ status }) => status === 'rejected')).toEqual([]);
}

scenario('Redis dies and comes back empty: the database sells meanwhile, and keeps every promise',
  { row: 'Redis dead, database mode, back empty', sale, environment },
  async (stage) => {
    const { servers, crowd } = stage;
    await stage.inject('Redis is killed', () => servers.killRedis());
    await untilGate(stage, 'database');
    await crowd.acknowledge(60);
    servers.emptyRedis();
    await stage.heal(() => servers.startRedis());
    await untilGate(stage, 'redis');
  }, expectAllKept);

scenario('Redis hangs: the database takes over without a socket having closed',
  { row: 'Redis hangs (SIGSTOP), database mode', sale, environment },
  async (stage) => {
    await stage.inject('Redis is frozen', () => { stage.servers.freezeRedis(); });
    await untilGate(stage, 'database');
    await stage.crowd.acknowledge(60);
    await stage.heal(() => { stage.servers.thawRedis(); });
    await untilGate(stage, 'redis');
  });

scenario('Redis goes and comes twice: every switch has its epoch, and nothing is sold twice',
  { row: 'Redis gone twice, database mode', sale, environment },
  async (stage) => {
    for (const time of ['once', 'twice']) {
      await stage.inject(`Redis is killed ${time}`, () => stage.servers.killRedis());
      await untilGate(stage, 'database');
      await stage.crowd.acknowledge(30);
      await stage.heal(() => stage.servers.startRedis());
      await untilGate(stage, 'redis');
      await stage.crowd.acknowledge(30);
    }
  });

scenario('a process wakes up that still sees the old Redis: what it sold there is decided by name',
  // Units that last: what the sleeper promised is rejected only where the others have sold them.
  { row: 'Database mode, a late process sees the old Redis', sale: { ...sale, stock: 1_500 }, environment,
    processes: ['api', 'api,worker'] },
  async (stage) => {
    const { deployment, redis, servers } = stage;
    const late = await deployment.start(
      { roles: 'api', environment: { REDIS_URL: servers.redisUrl } });
    await stage.crowd.acknowledge(30);
    await stage.inject('one process sleeps, the others lose Redis', async () => {
      late.signal('SIGSTOP');
      await redis.refuse();
      redis.cut();
    });
    await untilGate(stage, 'database');
    await stage.crowd.acknowledge(60);
    late.signal('SIGCONT');
    const answers = await Promise.all(Array.from({ length: 40 }, (_, index) =>
      late.client.buy(stage.saleId, `sleeper-${index}`, { key: `key-of-sleeper-${index}` })));
    await stage.pass(1_000);
    await late.end();
    await stage.heal(() => redis.accept());
    await untilGate(stage, 'redis');
    const promised = answers.filter(({ status }) => status < 300).map(({ body }) => body.id);
    await until('every promise is decided', async () =>
      (await rowsOf(stage, 'SELECT rid FROM orders WHERE rid IN (?)', [['none', ...promised]])).length
        === promised.length, 30_000);
  });

scenario('a worker alone loses Redis: the sale stays where the sellers are',
  { row: 'Redis lost by a worker alone', sale, environment, processes: ['api', 'worker'] },
  async (stage) => {
    const { deployment, redis, servers } = stage;
    const [proxied] = deployment.processes('api');
    await deployment.start({ roles: 'api', environment: { REDIS_URL: servers.redisUrl } });
    await proxied?.end();
    await stage.inject('the worker is cut off', async () => {
      await redis.refuse();
      redis.cut();
    });
    await stage.crowd.acknowledge(30);
    await stage.pass(5_000);
    expect(await gateOf(stage)).toBe('redis');
    await stage.heal(() => redis.accept());
  }, expectAllKept);

scenario('Redis dies and the operator wants the sale to pause: nobody is told yes meanwhile',
  { row: 'Redis dead, sale pauses', environment, sale: { redisOutage: 'pause' } },
  async (stage) => {
    await stage.inject('Redis is killed', () => stage.servers.killRedis());
    const goneAt = new Date();
    await stage.crowd.tried(30);
    await stage.pass(3_000);
    expect(await gateOf(stage)).toBe('redis');
    // Who asks again for what he held before may be told of his order, which has a row by now.
    expect(await rowsOf(stage, 'SELECT rid FROM orders WHERE sale_id = ? AND reserved_at > ?',
      [stage.saleId, goneAt])).toEqual([]);
    await stage.heal(() => stage.servers.startRedis());
  });

import { until } from '../../support/until';
import { scenario } from '../support/scenario';
import { isWhole, type Stage } from '../support/stage';

const outageSeconds = isWhole ? 60 : 5;
/** As the driver sends it: a COMMIT by itself, not the end of READ COMMITTED. */
const commit = '\x07\0\0\0\x03COMMIT';
/** The sale goes on in the database while Redis is away. */
const withoutRedis = {
  sale: { stock: 3_000, redisOutage: 'database' },
  environment: { REDIS_OUTAGE_SECONDS: '1' },
} as const;

/** The server does the work, and nobody hears of it; each time by another statement of others. */
async function loseCommits(stage: Stage, count: number): Promise<void> {
  const { mariadb, random } = stage;
  for (let lost = 1; lost <= count; lost += 1) {
    mariadb.dropReply(commit);
    await until('the answer to a COMMIT is lost', async () => mariadb.droppedReplies === lost);
    await stage.pass(random.integer(0, 50));
  }
}

/** From now on a purchase is a transaction of the database. */
async function loseRedis({ servers, deployment, saleId, crowd }: Stage): Promise<void> {
  await servers.killRedis();
  const connection = await deployment.connectDatabase();
  await until('the database is the gate', async () => {
    const [rows] = await connection.query(
      `SELECT 1 FROM sale_stock WHERE sale_id = ? AND gate = 'database'`, [saleId]);
    return (rows as unknown[]).length === 1;
  }, 60_000);
  await connection.end();
  await crowd.acknowledge(30);
}

/** Jobs and entries that wait to be written. */
async function backlogOf({ client }: Stage): Promise<number> {
  const { text } = await client.call('GET', '/metrics');
  const depths = text.matchAll(/^(?:queue_depth\{queue="orders"\}|outbox_depth\{.*\}) (\d+)/gm);
  return [...depths].reduce((sum, [, depth]) => sum + Number(depth), 0);
}

scenario('MariaDB is killed and started again: purchases go on, all become orders',
  // Stock that lasts while it ends, however long it takes.
  { row: 'MariaDB kill -9, restarted', short: true, sale: { stock: 3_000 } }, async (stage) => {
    await stage.pass(stage.random.integer(0, 300));
    await stage.inject('MariaDB is killed', () => stage.servers.killMariadb());
    await stage.crowd.acknowledge(60);
    await stage.heal(() => stage.servers.startMariadb());
  });

scenario('MariaDB is killed again and again: what it has committed is there each time',
  { row: 'MariaDB kill -9, five times', sale: { stock: 5_000 } }, async (stage) => {
    for (let kills = 0; kills < 5; kills += 1) {
      await stage.inject('MariaDB is killed', () => stage.servers.killMariadb());
      await stage.pass(stage.random.integer(0, 500));
      await stage.heal(() => stage.servers.startMariadb());
      await stage.pass(stage.random.integer(0, 1_500));
    }
  });

scenario('MariaDB is down: all buy on, what waits is counted and is written afterwards',
  { row: `MariaDB down for ${outageSeconds} s`, timeoutSeconds: 300,
    sale: { stock: 20_000 } },
  async (stage) => {
    const { crowd, servers, deployment } = stage;
    await stage.inject('MariaDB is down', () => servers.killMariadb());
    await expect(deployment.connectDatabase()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const goneMs = performance.now();
    await crowd.acknowledge(100);
    await until('the backlog is counted', async () => await backlogOf(stage) > 0);
    await stage.pass(Math.max(0, outageSeconds * 1_000 - (performance.now() - goneMs)));
    await crowd.acknowledge(10);
    await stage.heal(() => servers.startMariadb());
  }, async (stage, { books }) => {
    expect(books.rows.filter(({ status }) => status === 'rejected')).toEqual([]);
    await until('the backlog is worked off', async () => await backlogOf(stage) === 0, 30_000);
  });

scenario('answers to COMMIT are lost: every transaction has taken effect once',
  { row: 'MariaDB: reply to COMMIT lost' }, async (stage) => {
    await stage.inject('answers to COMMIT are lost', () => loseCommits(stage, 20));
    await stage.heal(() => undefined);
  });

scenario('MariaDB is killed while it is the gate: the same key finds out what was decided',
  { row: 'MariaDB kill -9 in database mode', ...withoutRedis }, async (stage) => {
    const { servers, crowd } = stage;
    await loseRedis(stage);
    for (let kills = 0; kills < 3; kills += 1) {
      await stage.inject('MariaDB is killed, too', () => servers.killMariadb());
      await crowd.tried(20);
      await servers.startMariadb();
      await crowd.acknowledge(30);
    }
    await stage.heal(() => servers.startRedis());
  });

scenario('answers to COMMIT are lost in database mode: the same key finds the order',
  { row: 'Reply to COMMIT lost in database mode', ...withoutRedis }, async (stage) => {
    await loseRedis(stage);
    await stage.inject('answers to COMMIT are lost', () => loseCommits(stage, 20));
    await stage.heal(() => stage.servers.startRedis());
  });

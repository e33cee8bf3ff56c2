import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readLuaScripts } from '../../../src/infra/redis';
import { until } from '../../support/until';
import { errorsOf } from '../support/redis-errors';
import { scenario } from '../support/scenario';
import type { Stage } from '../support/stage';

/** What each purchase sends to Redis: the name of its script. */
const reserve = readLuaScripts(join(__dirname, '../../../src/stock/lua'))
  .filter(({ name }) => name === 'reserve')
  .map(({ lua }) => createHash('sha1').update(lua).digest('hex')).join();

scenario('replies of Redis are lost after it held the units: the same key, the same order',
  // Stock that lasts: of a sale that is sold out nothing is asked any more.
  { row: 'Redis: reply lost after execution', short: true, sale: { stock: 5_000 } },
  async (stage) => {
    const { redis, crowd, random } = stage;
    for (let drops = 1; drops <= 8; drops += 1) {
      await stage.inject('a reply is lost', async () => {
        redis.dropReply(reserve);
        await until('it is lost', async () => redis.droppedReplies === drops);
      });
      await crowd.acknowledge(random.integer(1, 10));
    }
    await stage.heal(() => undefined);
  });

scenario('the scripts of Redis are flushed under load: every purchase is answered once, its own',
  { row: 'SCRIPT FLUSH under load' }, async (stage) => {
    const { deployment: { redis }, random } = stage;
    const before = await errorsOf(redis, 'NOSCRIPT');
    await stage.inject('scripts are flushed', async () => {
      for (let flushes = 0; flushes < 40; flushes += 1) {
        await redis.script('FLUSH');
        await stage.pass(random.integer(0, 100));
      }
    });
    expect(await errorsOf(redis, 'NOSCRIPT')).toBeGreaterThan(before);
    await stage.heal(() => undefined);
  }, (_stage, { books }) => {
    expect(books.rows.filter(({ status }) => status === 'rejected')).toEqual([]);
  });

scenario('all connections to Redis are killed again and again: buyers are answered, once',
  { row: 'Redis: CLIENT KILL of all connections, repeatedly' }, async (stage) => {
    const { deployment: { redis }, crowd, random } = stage;
    const killed = { normal: 0, pubsub: 0 };
    for (let kills = 0; kills < 10; kills += 1) {
      await stage.inject('connections are killed', async () => {
        for (const type of ['normal', 'pubsub'] as const) {
          killed[type] += Number(
            await redis.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'));
        }
      });
      if (random.chance(0.5)) await crowd.acknowledge(random.integer(1, 20));
      else await stage.pass(random.integer(0, 300));
    }
    expect(killed.normal).toBeGreaterThan(10);
    expect(killed.pubsub).toBeGreaterThan(0);
    await stage.heal(() => undefined);
  });

scenario('Redis is slow, 50 to 500 ms: purchases are slow and go on',
  { row: 'Redis slow, 50 to 500 ms' }, async (stage) => {
    await stage.inject('Redis is slow', () => { stage.redis.delay([25, 250]); });
    await stage.crowd.acknowledge(40);
    await stage.heal(() => { stage.redis.delay(0); });
  });

const inDatabase = { sale: { redisOutage: 'database' }, environment: { REDIS_OUTAGE_SECONDS: '1' } };

for (const seconds of [2, 8]) {
  scenario(`Redis hangs for ${seconds} s: who is told to come back is served, once`,
    { row: `Redis hangs (SIGSTOP), ${seconds} s` },
    (stage) => freeze(stage, seconds));
}

scenario('Redis hangs for 8 s, and carries out what waited when the database sells already',
  { row: 'Redis hangs (SIGSTOP), 8 s, sale in the database meanwhile', ...inDatabase },
  async (stage) => {
    const { servers, crowd } = stage;
    await stage.inject('Redis is frozen', () => { servers.freezeRedis(); });
    await crowd.acknowledge(30);
    await stage.pass(5_000);
    await stage.heal(() => { servers.thawRedis(); });
  });

for (const settings of [{}, inDatabase]) {
  const { row, name } = settings === inDatabase
    ? { row: ', sale in the database meanwhile', name: 'the database sells meanwhile' }
    : { row: '', name: 'nobody is told anything wrong' };
  scenario(`the network to Redis is half-open for 8 s, then delivers all that waited: ${name}`,
    { row: `Redis half-open connections, 8 s${row}`, ...settings }, async (stage) => {
      await stage.inject('nothing comes through any more', () => { stage.redis.hang(); });
      await stage.crowd.tried(20);
      await stage.pass(8_000);
      await stage.heal(() => { stage.redis.flow(); });
    });
}

async function freeze(stage: Stage, seconds: number): Promise<void> {
  const { client, saleId, servers } = stage;
  await stage.inject('Redis is frozen', () => { servers.freezeRedis(); });
  const { status, body, headers } = await client.buy(saleId, 'alice');
  expect([status, body.code, headers['retry-after']])
    .toEqual([503, 'TEMPORARILY_UNAVAILABLE', '1']);
  await stage.pass(seconds * 1_000);
  await stage.heal(() => { servers.thawRedis(); });
}

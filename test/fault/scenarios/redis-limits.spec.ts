import { parseRecord, recordLetters } from '../../../src/stock/record';
import { saleKeys } from '../../../src/stock/sale-keys';
import { until } from '../../support/until';
import { errorsOf } from '../support/redis-errors';
import { scenario } from '../support/scenario';
import type { Stage } from '../support/stage';

scenario('the memory of Redis is full: nothing is sold, orders are paid and given back, it heals',
  // Stock that lasts until both have their orders, however long these take.
  { row: 'Redis out of memory', short: true, sale: { stock: 5_000 } }, async (stage) => {
    const { client, deployment: { redis }, saleId, crowd } = stage;
    const paid = await client.order(saleId, 'alice');
    const cancelled = await client.order(saleId, 'bob');
    await stage.inject('its memory is full', () => redis.config('SET', 'maxmemory', 1));
    const { status, body } = await client.buy(saleId, 'carol');
    expect([status, body.code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
    await client.pay(paid.id, 'alice');
    await client.cancel(cancelled.id, 'bob');
    await untilRecord(stage, paid.id, 'paid');
    await untilRecord(stage, cancelled.id, 'cancelled');
    await crowd.tried(20);
    expect(await errorsOf(redis, 'OOM')).toBeGreaterThan(0);
    await stage.heal(() => redis.config('SET', 'maxmemory', 0));
  });

scenario('the memory of Redis is full when reservations become orders: they are confirmed',
  { row: 'Redis out of memory while orders are written' }, async (stage) => {
    const { deployment, saleId, servers, random } = stage;
    const { redis, config } = deployment;
    const { records } = saleKeys(config.redisNamespace, saleId);
    const reserved = async () => new Set(Object.entries(await redis.hgetall(records))
      .filter(([rid, text]) => parseRecord(rid, text).status === 'reserved').map(([rid]) => rid));
    servers.freezeMariadb();
    await until('a worker has orders to write', async () =>
      await deployment.jobs('orders', 'active') > 0);
    await stage.pass(random.integer(0, 200));
    await stage.inject('its memory is full', () => redis.config('SET', 'maxmemory', 1));
    const waiting = await reserved();
    expect(waiting).not.toEqual(new Set());
    servers.thawMariadb();
    await until('some are confirmed', async () => {
      const still = await reserved();
      return [...waiting].some((rid) => !still.has(rid));
    });
    expect(await errorsOf(redis, 'OOM')).toBeGreaterThan(0);
    await stage.heal(() => redis.config('SET', 'maxmemory', 0));
  });

scenario('Redis may evict keys from now on: processes say so, and no new one starts',
  { row: 'Redis: an eviction policy is set' }, async (stage) => {
    const { client, deployment, crowd } = stage;
    const ready = () => client.call('GET', '/health/ready');
    await stage.inject('it may evict keys', () =>
      deployment.redis.config('SET', 'maxmemory-policy', 'allkeys-lru'));
    const refused = await deployment.launch();
    const end = await Promise.race([refused.ended, refused.ready.then(() => 'it started')]);
    expect(end).toBe('exit code 1');
    expect(refused.output).toMatch(/its maxmemory-policy is allkeys-lru\. Set .*noeviction/);
    const down = await until('it is not ready', async () => {
      const answer = await ready();
      return answer.status === 503 && answer;
    });
    expect(down.body['details']).toMatchObject({ durability: { status: 'down' },
      redis: { maxmemoryPolicy: 'allkeys-lru' } });
    await crowd.acknowledge(20);
    await stage.heal(() => deployment.redis.config('SET', 'maxmemory-policy', 'noeviction'));
    await until('it is ready', async () => (await ready()).status === 200);
  });

/** Waits until Redis says this of an order. */
async function untilRecord({ deployment: { redis, config }, saleId }: Stage, rid: string,
  status: keyof typeof recordLetters): Promise<void> {
  const { records } = saleKeys(config.redisNamespace, saleId);
  await until(`Redis says that ${rid} is ${status}`, async () =>
    parseRecord(rid, await redis.hget(records, rid) ?? '').status === status);
}

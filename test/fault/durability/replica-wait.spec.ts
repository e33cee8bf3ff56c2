import { randomUUID } from 'node:crypto';
import { RedisConnections, ReplicaWait } from '../../../src/infra/redis';
import { testConfig } from '../../support/stack';
import { until } from '../../support/until';
import { ReplicatedRedis } from './replicated-redis';

describe('waiting for replicas', () => {
  let servers: ReplicatedRedis;
  let connections: RedisConnections;
  let wait: ReplicaWait;
  let key: string;

  beforeAll(async () => {
    servers = await ReplicatedRedis.start();
    connections = new RedisConnections(testConfig({ REDIS_URL: servers.masterUrl,
      DATABASE_URL: 'mysql://database/shop' }));
    wait = new ReplicaWait(connections, 'mark', 1);
    await until('it is connected', () => wait.isKept('any', 'thing').then(() => true, () => false));
  });
  beforeEach(async () => {
    key = randomUUID();
    await connections.general.hset(key, 'written', 1);
  });
  afterAll(async () => {
    connections.onApplicationShutdown();
    await servers.stop();
  });

  it('says yes to what the master has, and no to what it never got, in one round', async () => {
    expect(await Promise.all([wait.isKept(key, 'written'), wait.isKept(key, 'lost')]))
      .toEqual([true, false]);
  });

  it('says no when no replica confirms within a second', async () => {
    servers.link.hang();
    const isKept = await wait.isKept(key, 'written');
    servers.link.flow();
    expect([isKept, await wait.isKept(key, 'written')]).toEqual([false, true]);
  });

  it('finds its way back while a crowd keeps asking', async () => {
    await connections.general.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const deadline = performance.now() + 5_000;
    let isKept = false;
    while (!isKept && performance.now() < deadline) {
      isKept = await wait.isKept(key, 'written').catch(() => false);
    }
    expect(isKept).toBe(true);
  });

  it('asks once for a crowd, and once more for all who come meanwhile', async () => {
    const crowd = () => Promise.all(Array.from({ length: 100 }, () => wait.isKept(key, 'written')));
    const [before, marks] = [await servers.calls('wait'), await servers.calls('incr')];
    servers.link.hang();
    const early = crowd();
    await until('the first round waits', async () => await servers.calls('incr') > marks);
    const late = crowd();
    servers.link.flow();
    expect(new Set((await Promise.all([early, late])).flat())).toEqual(new Set([true]));
    expect(await servers.calls('wait') - before).toBe(2);
  });
});

import { randomUUID } from 'node:crypto';
import { RedisConnections, ReplicaWait } from '../../../src/infra/redis';
import { testConfig } from '../../support/stack';
import { until } from '../../support/until';
import { ReplicatedRedis } from './replicated-redis';

jest.setTimeout(180_000);

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
  /** Undefined where there is no answer. */
  const isKept = (field: string) => wait.isKept(key, field).catch(() => undefined);

  /**
   * Repeats what must be over within the second for which Redis waits: on a busy machine it may not
   * be, and the product then says no, or nothing at all.
   */
  const untilInTime = <Value>(act: () => Promise<Value | undefined | false>) =>
    until('it is done within the second', act, 90_000);

  afterAll(async () => {
    connections.onApplicationShutdown();
    await servers.stop();
  });

  it('says yes to what the master has, and no to what it never got, in one round', async () => {
    const answers = await untilInTime(async () => {
      const [written, lost] = await Promise.all([isKept('written'), isKept('lost')]);
      return written === true && [written, lost];
    });
    expect(answers).toEqual([true, false]);
  });

  it('says no when no replica confirms within a second', async () => {
    servers.link.hang();
    const { answer } = await untilInTime(async () => {
      const heard = await isKept('written');
      return heard !== undefined && { answer: heard };
    });
    servers.link.flow();
    expect(answer).toBe(false);
    expect(await untilInTime(() => isKept('written'))).toBe(true);
  });

  it('finds its way back while a crowd keeps asking', async () => {
    await connections.general.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const deadline = performance.now() + 60_000;
    let isThere = false;
    while (!isThere && performance.now() < deadline) {
      isThere = await isKept('written') === true;
    }
    expect(isThere).toBe(true);
  });

  it('asks once for a crowd, and once more for all who come meanwhile', async () => {
    const crowd = () => Promise.all(Array.from({ length: 100 }, () => isKept('written')));
    const rounds = await untilInTime(async () => {
      const [before, marks] = [await servers.calls('wait'), await servers.calls('incr')];
      servers.link.hang();
      let isOver = false;
      const early = crowd().finally(() => { isOver = true; });
      await until('the first round waits', async () =>
        isOver || await servers.calls('incr') > marks);
      const late = crowd();
      servers.link.flow();
      const answers = (await Promise.all([early, late])).flat();
      return answers.every(Boolean) && await servers.calls('wait') - before;
    });
    expect(rounds).toBe(2);
  });
});

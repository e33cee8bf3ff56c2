import type { FaultProxy } from '../../support/fault-proxy';
import { until } from '../../support/until';
import { scenario } from '../support/scenario';
import type { Stage } from '../support/stage';

scenario('Redis comes back without its latest writes: nothing is sold twice',
  { row: 'Redis power loss: its file is cut at random', short: true, mayLose: true },
  (stage) => losePower(stage, () => { stage.servers.cutRedis(stage.random.real(0, 0.9)); }));

scenario('Redis loses power again and again, each time another part of its file',
  { row: 'Redis power loss, four times in a row', mayLose: true },
  async (stage) => {
    const { servers, crowd, random } = stage;
    for (const most of [0.02, 0.1, 0.5, 1]) {
      await losePower(stage, () => { servers.cutRedis(random.real(0, most)); });
      await crowd.acknowledge(random.integer(1, 30));
    }
  });

scenario('the last record of the file of Redis is torn: the rest of it is kept',
  { row: 'Redis power loss: a torn last record', mayLose: true }, async (stage) => {
    const { servers, random } = stage;
    await losePower(stage, () => { servers.tearRedis(random.integer(1, 64)); });
  }, (_stage, { lost }) => {
    // One write of the crowd, at most one batch of it.
    expect(lost.length).toBeLessThanOrEqual(12);
  });

scenario('Redis comes back empty: everything that has a row comes back from it',
  { row: 'Redis restarted empty', mayLose: true }, (stage) =>
    losePower(stage, () => { stage.servers.emptyRedis(); }));

scenario('Redis comes back empty, and DURABILITY is commit: nothing that was acknowledged is lost',
  { row: 'Redis restarted empty, DURABILITY=commit', mayLose: true,
    environment: { DURABILITY: 'commit' } },
  (stage) => losePower(stage, () => { stage.servers.emptyRedis(); }),
  (_stage, { lost, acknowledged }) => { expect([lost, acknowledged > 0]).toEqual([[], true]); });

scenario('a replica that lags takes over: what only the master had is lost, nothing is sold twice',
  { row: 'Redis fail-over to a replica that lags', mayLose: true, servers: {},
    processes: ['api', 'api', 'worker', 'worker'] },
  async (stage) => {
    const { servers, deployment, crowd, random } = stage;
    const link = await stage.way(servers.redisPort);
    const promote = await follow(stage, link);
    link.hang();
    const workers = deployment.processes('worker');
    for (const worker of workers) worker.signal('SIGSTOP'); // or all would have rows by then
    await crowd.acknowledge(random.integer(10, 60));
    await stage.inject('the master is killed', () => servers.killRedis());
    for (const worker of workers) worker.signal('SIGCONT');
    await stage.pass(random.integer(0, 1_000));
    await stage.heal(promote);
  }, (_stage, { lost }) => { expect(lost).not.toEqual([]); });

scenario('the old master goes on, and one API process still sees it: it is told nothing for long',
  // Stock that lasts: in the second before it hears of the new epoch, the process that stayed would
  // say SOLD_OUT to a buyer who has an order of the others.
  { row: 'Redis fail-over, one API process stays with the old master', mayLose: true, servers: {},
    sale: { stock: 20_000 } },
  async (stage) => {
    const { servers, deployment, crowd, random, saleId } = stage;
    const link = await stage.way(servers.redisPort);
    const oldWay = await stage.way(servers.redisPort);
    const late = await deployment.start({ roles: 'api',
      environment: { REDIS_URL: oldWay.url('redis') } });
    const promote = await follow(stage, link);
    await crowd.acknowledge(random.integer(1, 30));
    let port = 0;
    await stage.inject('the others get another master', async () => { port = await promote(); });
    // Once the others have drained what their master knows, and raised the epoch.
    await until('the one who stayed sells nothing', async () =>
      (await late.client.buy(saleId, 'alice')).status === 503, 60_000);
    await crowd.acknowledge(30);
    const { status, body } = await late.client.buy(saleId, 'alice');
    expect([status, body.code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
    await stage.heal(() => {
      oldWay.retarget(port);
      oldWay.cut();
    });
    await until('it sells again', async () =>
      (await late.client.buy(saleId, 'bob')).status !== 503);
  });

/** Kills Redis, harms its data, and starts it on what is left. */
async function losePower(stage: Stage, harm: () => void): Promise<void> {
  await stage.pass(stage.random.integer(0, 500));
  await stage.inject('Redis loses power', () => stage.servers.killRedis());
  harm();
  await stage.heal(() => stage.servers.startRedis());
}

/**
 * A replica that follows the Redis over the link. Resolves, once it does, to what makes it the master
 * of the product and of the operator, and tells its port.
 */
async function follow({ servers, redis, deployment }: Stage,
  link: FaultProxy): Promise<() => Promise<number>> {
  const replica = await servers.startReplica(link.port);
  await until('the replica follows', async () =>
    /^slave0:.*state=online/m.test(await deployment.redis.info('replication')));
  return async () => {
    deployment.readRedisFrom(replica.url);
    await deployment.redis.replicaof('NO', 'ONE');
    redis.retarget(replica.port);
    redis.cut();
    return replica.port;
  };
}

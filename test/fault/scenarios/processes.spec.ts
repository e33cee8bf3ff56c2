import { until } from '../../support/until';
import { loopGoesOn, loopIsBlocked, withLoopToBlock } from '../support/preload/preload';
import { scenario } from '../support/scenario';

const apart = ['api', 'api', 'worker', 'worker'] as const;
/** Longer than the lock of a job and the time until it is called stalled. */
const blockedMs = 25_000;

scenario('an API process and a worker are killed at the peak: others finish what they began',
  // Stock that lasts while they end, however long it takes.
  { row: 'SIGKILL of an API process and of a worker at the peak', short: true, processes: apart,
    sale: { stock: 3_000 } },
  async (stage) => {
    const { deployment, crowd, random } = stage;
    const victims = (['api', 'worker'] as const).map((role) =>
      random.pick(deployment.processes(role)));
    await crowd.acknowledge(random.integer(1, 60));
    await stage.inject('both are killed', () =>
      Promise.all(victims.map((victim) => victim.end())));
    await crowd.acknowledge(60);
    await stage.heal(() => Promise.all([
      deployment.start({ roles: 'api' }), deployment.start({ roles: 'worker' })]));
  });

scenario('all processes and both servers are killed at once: the rest sells out exactly',
  { row: 'SIGKILL of every process, Redis and MariaDB at once' },
  async (stage) => {
    const { deployment, servers } = stage;
    await stage.pass(stage.random.integer(0, 500));
    await stage.inject('everything is killed', () =>
      Promise.all([deployment.killAll(), servers.killRedis(), servers.killMariadb()]));
    await stage.heal(async () => {
      await Promise.all([servers.startRedis(), servers.startMariadb()]);
      await Promise.all([deployment.start(), deployment.start()]);
    });
  });

scenario('a process is told to stop at the peak: a clean exit, and nothing is lost',
  { row: 'SIGTERM at the peak' }, async (stage) => {
    const { deployment, random } = stage;
    await stage.pass(random.integer(0, 500));
    const stopping = random.pick(deployment.processes());
    await stage.inject('one is told to stop', async () => {
      // A process that cannot close gives up by itself, and ends with 1.
      expect(await stopping.end('SIGTERM')).toBe('exit code 0');
    });
    await stage.heal(() => deployment.start());
  });

scenario('a worker is frozen with jobs and locks, and goes on after others took over, once',
  { row: 'SIGSTOP of a worker, late return', processes: ['api', 'worker'] }, async (stage) => {
    const { deployment } = stage;
    const frozen = stage.random.pick(deployment.processes('worker'));
    await stage.inject('a worker is frozen with a job', () => until('it has one', async () => {
      frozen.signal('SIGSTOP');
      if (await deployment.jobs('orders', 'active') > 0) return true;
      frozen.signal('SIGCONT');
      return false;
    }));
    await deployment.start({ roles: 'worker' });
    // Longer than it takes to call a job stalled, so that the other has it.
    await stage.pass(25_000);
    await stage.heal(() => { frozen.signal('SIGCONT'); });
    await until('it works again', async () =>
      (await frozen.client.call('GET', '/health/ready')).status === 200);
  });

scenario('an API process sleeps through a recovery: it wakes with an epoch that is over',
  { row: 'SIGSTOP of an API process over a restart of Redis', processes: ['api', 'api', 'worker'],
    sale: { stock: 3_000 } }, async (stage) => {
    const { deployment, servers, crowd, random } = stage;
    const frozen = random.pick(deployment.processes('api'));
    await stage.inject('an API process is frozen, Redis starts again', async () => {
      frozen.signal('SIGSTOP');
      await servers.killRedis();
      await servers.startRedis();
    });
    await crowd.acknowledge(20);
    await stage.heal(() => { frozen.signal('SIGCONT'); });
    await until('it sells again', async () => {
      const { status, body } = await frozen.client.buy(stage.saleId, 'alice', { key: 'alice' });
      return status < 300 || body.code === 'SOLD_OUT';
    });
  });

scenario('a worker whose event loop stands still for longer than its locks ends what it began',
  { row: 'Event loop of a worker blocked for 25 s', processes: ['api', 'worker'],
    sale: { stock: 3_000 } }, async (stage) => {
    const { deployment, mariadb } = stage;
    const blocked = await deployment.start(
      { roles: 'worker', environment: withLoopToBlock(blockedMs) });
    const others = deployment.processes('worker').filter((worker) => worker !== blocked);
    // The others do not take its jobs away before it has some.
    for (const other of others) other.signal('SIGSTOP');
    await stage.inject('its event loop is blocked amid jobs', async () => {
      await stage.crowd.acknowledge(30);
      mariadb.hang();
      await until('it has a job', async () => await deployment.jobs('orders', 'active') > 0);
      blocked.signal('SIGUSR2');
      await until('it is blocked', async () => blocked.output.includes(loopIsBlocked));
      mariadb.flow();
    });
    for (const other of others) other.signal('SIGCONT');
    await until('it goes on', async () => blocked.output.includes(loopGoesOn), 2 * blockedMs);
    await stage.heal(() => undefined);
  });

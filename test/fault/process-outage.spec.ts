import type { ProductProcess } from './support/product-process';
import { until } from '../support/until';
import { checkBooks } from './support/books';
import type { Crowd } from './support/crowd';
import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';

const stock = 500;

jest.setTimeout(120_000);

describe('processes and the database fail under load', () => {
  let servers: PrivateServers;
  let deployment: Deployment;

  beforeAll(async () => { servers = await PrivateServers.start(); });
  afterAll(async () => { await servers.stop(); });
  beforeEach(async () => { deployment = await Deployment.create(servers); });
  afterEach(async () => { await deployment.stop(); });

  /** A sale with buyers coming; resolves when some of it is sold. */
  async function sellSome({ client }: ProductProcess): Promise<{ saleId: string; crowd: Crowd }> {
    const saleId = await client.openSale({ stock });
    const crowd = deployment.crowd(saleId);
    crowd.start();
    await crowd.acknowledge(150);
    return { saleId, crowd };
  }

  /** Lets the rest sell out: every unit must be an acknowledged order, none more. */
  async function expectSoldOut(saleId: string, crowd: Crowd): Promise<void> {
    await crowd.sellOut();
    await crowd.finish();
    const { rows, database, redis } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect([...crowd.refusals.keys()]).toEqual(['SOLD_OUT']);
    expect([crowd.acknowledged.length, rows.length]).toEqual([stock, stock]);
    expect([database.allocated, redis.available]).toEqual([stock, 0]);
  }

  it('the database is killed, started again: purchases go on, all become orders', async () => {
    const { saleId, crowd } = await sellSome(await deployment.start());
    await servers.killMariadb();
    await crowd.acknowledge(50);
    await servers.startMariadb();
    await expectSoldOut(saleId, crowd);
  });

  it('API and worker are killed: those that come next finish what these began', async () => {
    const api = await deployment.start({ roles: 'api' });
    const worker = await deployment.start({ roles: 'worker' });
    const { saleId, crowd } = await sellSome(api);
    await Promise.all([api.end(), worker.end()]);
    await Promise.all([deployment.start({ roles: 'api' }), deployment.start({ roles: 'worker' })]);
    await expectSoldOut(saleId, crowd);
  });

  it('everything is killed and started again: the rest sells out exactly', async () => {
    const { saleId, crowd } = await sellSome(await deployment.start());
    await Promise.all([deployment.killAll(), servers.killRedis(), servers.killMariadb()]);
    await Promise.all([servers.startRedis(), servers.startMariadb()]);
    await deployment.start();
    await expectSoldOut(saleId, crowd);
  });

  it('a process is told to stop at the peak: a clean exit, and nothing is lost', async () => {
    const stopping = await deployment.start();
    const { saleId, crowd } = await sellSome(stopping);
    expect(await stopping.end('SIGTERM')).toBe('exit code 0');
    await deployment.start();
    await expectSoldOut(saleId, crowd);
  });

  it('a worker is frozen with jobs and locks, later goes on: others take over, once', async () => {
    const api = await deployment.start({ roles: 'api' });
    const frozen = await deployment.start({ roles: 'worker' });
    const { saleId, crowd } = await sellSome(api);
    await until('it is frozen with a job', async () => {
      frozen.signal('SIGSTOP');
      if (await deployment.jobs('orders', 'active') > 0) return true;
      frozen.signal('SIGCONT');
      return false;
    });
    await deployment.start({ roles: 'worker' });
    await expectSoldOut(saleId, crowd);
    await until('its jobs are taken', async () => await deployment.jobs('orders', 'active') === 0,
      30_000);
    frozen.signal('SIGCONT');
    await until('it works again', async () =>
      (await frozen.client.call('GET', '/health/ready')).status === 200);
    await expectSoldOut(saleId, crowd);
  });
});

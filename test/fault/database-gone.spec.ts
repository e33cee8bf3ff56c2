import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/until';
import { checkBooks } from './support/books';
import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';
import type { ProductProcess } from './support/product-process';

const outageMs = 20_000;
/** What one pass of the relay, on its way when it is told to hold, may still add. */
const jobsOfOnePass = 10;

jest.setTimeout(150_000);

describe('the database is away for 20 s while a crowd buys', () => {
  let servers: PrivateServers;
  let deployment: Deployment;

  beforeAll(async () => {
    servers = await PrivateServers.start();
    deployment = await Deployment.create(servers);
  });

  afterAll(async () => {
    await deployment.stop();
    await servers.stop();
  });

  async function metric({ client }: ProductProcess, name: string): Promise<number> {
    const { text } = await client.call('GET', '/metrics');
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.split(' ')[1]);
  }

  const isReady = async ({ client }: ProductProcess) =>
    (await client.call('GET', '/health/ready')).status === 200;

  const queueKey = (name: string) => `{${deployment.config.redisNamespace}-orders}:orders:${name}`;

  const waitingJobs = async () =>
    await deployment.jobs('orders', 'wait') + await deployment.jobs('orders', 'active');

  const finishedJobs = async () =>
    Number(await deployment.redis.hget(queueKey('metrics:completed'), 'count'));

  it('buys on, holds back what the queue need not carry, and writes all of it in batches', async () => {
    const api = await deployment.start({ roles: 'api' });
    const worker = await deployment.start({ roles: 'worker' });
    const saleId = await api.client.openSale({ stock: 1_000_000 });
    const crowd = deployment.crowd(saleId);
    crowd.start(3);
    await crowd.acknowledge(100);
    await servers.killMariadb();
    const goneAt = performance.now();
    const before = { orders: crowd.acknowledged.length, jobs: await finishedJobs() };
    await until('they are not ready', async () => !await isReady(api) && !await isReady(worker));
    await until('the queue is said to be stuck', async () =>
      await metric(worker, 'queue_stuck{queue="orders"}') === 1, 20_000);
    await until('the relay holds', async () => await metric(worker, 'relay_holding') === 1);
    const held = await waitingJobs();
    await crowd.acknowledge(50);
    await sleep(outageMs - (performance.now() - goneAt)); // the length of the outage, no state
    expect(await waitingJobs()).toBeLessThanOrEqual(held + jobsOfOnePass);
    expect(await metric(worker, `outbox_depth{sale_id="${saleId}"}`)).toBeGreaterThan(0);
    expect([...crowd.refusals.keys()]).toEqual([]);

    await servers.startMariadb();
    await until('they are ready', async () => await isReady(api) && await isReady(worker), 30_000);
    await until('the relay goes on', async () => await metric(worker, 'relay_holding') === 0, 30_000);
    await crowd.finish();
    await checkBooks(deployment, saleId, crowd.acknowledged);
    expect(await metric(worker, 'queue_stuck{queue="orders"}')).toBe(0);
    const written = crowd.acknowledged.length - before.orders;
    expect(written / (await finishedJobs() - before.jobs)).toBeGreaterThan(5); // orders in a job
    expect(await deployment.redis.zcard(queueKey('failed'))).toBe(0); // none was given up
  });
});

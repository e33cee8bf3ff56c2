import { setTimeout as sleep } from 'node:timers/promises';
import { saleKeys } from '../../src/stock/sale-keys';
import type { ProductProcess } from '../support/product-process';
import { until } from '../support/until';
import { checkBooks } from './support/books';
import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';

const outageMs = 20_000;
/** What one pass of the relay, on its way when it is told to hold, may still add. */
const jobsOfOnePass = 10;

jest.setTimeout(300_000);

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

  const entriesInOutbox = (saleId: string) =>
    deployment.redis.xlen(saleKeys(deployment.config.redisNamespace, saleId).outbox);

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
    await until('they are not ready', async () => !await isReady(api) && !await isReady(worker));
    await until('the queue is said to be stuck', async () =>
      await metric(worker, 'queue_stuck{queue="orders"}') === 1, 60_000);
    await until('the relay holds', async () => await metric(worker, 'relay_holding') === 1);
    const held = await waitingJobs();
    await crowd.acknowledge(100);
    // The length of the outage, no state.
    await sleep(Math.max(0, outageMs - (performance.now() - goneAt)));
    await crowd.finish();
    const before = { waiting: await waitingJobs(), finished: await finishedJobs(),
      entries: await entriesInOutbox(saleId) };
    expect(before.waiting).toBeLessThanOrEqual(held + jobsOfOnePass);
    await until('what is held back is counted', async () =>
      await metric(worker, `outbox_depth{sale_id="${saleId}"}`) > 0);
    expect([...crowd.refusals.keys()]).toEqual([]);

    await servers.startMariadb();
    await until('they are ready', async () => await isReady(api) && await isReady(worker), 60_000);
    await until('the relay goes on', async () => await metric(worker, 'relay_holding') === 0, 60_000);
    await checkBooks(deployment, saleId, crowd.acknowledged);
    await until('the queue is stuck no longer', async () =>
      await metric(worker, 'queue_stuck{queue="orders"}') === 0);
    // More than five orders in each job that was made after the outage.
    const made = await finishedJobs() - before.finished - before.waiting;
    expect(made).toBeLessThan(before.entries / 5);
    expect(await deployment.redis.zcard(queueKey('failed'))).toBe(0); // none was given up
  });
});

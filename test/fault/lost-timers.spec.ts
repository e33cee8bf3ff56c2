import { until } from '../support/until';
import { checkBooks } from './support/books';
import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';

jest.setTimeout(120_000);

describe('every job, schedule and deadline in Redis is deleted', () => {
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

  it('unpaid orders still expire, by the database alone, and the schedules come back', async () => {
    const { client } = await deployment.start();
    const saleId = await client.openSale({ payWindowSeconds: 5 });
    const crowd = deployment.crowd(saleId);
    await crowd.press(6);
    const { pending } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect(pending).toBe(6);
    await deployment.deleteTimers(saleId);
    await until('all units are back', async () =>
      (await client.stock(saleId)).redis.available === 10, 60_000);
    const { rows } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect(rows.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 'expired'));
    expect(await deployment.schedules('order-sweeps')).toEqual(['expire-overdue', 'sweep-leases']);
    expect(await deployment.schedules('reconciliation')).toEqual(['archive', 'reconcile']);
  });
});

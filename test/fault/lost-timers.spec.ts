import { until } from '../support/until';
import { checkBooks } from './support/books';
import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';

jest.setTimeout(400_000);

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

  /** As if the buyers had had their time: only the database says when it is over. */
  async function endTimeToPay(saleId: string): Promise<void> {
    const connection = await deployment.connectDatabase();
    await connection.query(
      'UPDATE orders SET expires_at = NOW(3) - INTERVAL 1 SECOND WHERE sale_id = ?', [saleId]);
    await connection.end();
  }

  it('unpaid orders still expire, by the database alone, and the schedules come back', async () => {
    const { client } = await deployment.start();
    const saleId = await client.openSale({ payWindowSeconds: 600 });
    const crowd = deployment.crowd(saleId);
    await crowd.press(6);
    const { pending } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect(pending).toBe(6);
    await deployment.deleteTimers(saleId);
    await endTimeToPay(saleId);
    await until('all units are back', async () =>
      (await client.stock(saleId)).redis.available === 10, 120_000);
    const { rows } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect(rows.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 'expired'));
    // They are put back twice a minute, those of each queue by themselves.
    await until('the schedules are back', async () => (await Promise.all(
      ['order-sweeps', 'reconciliation'].map((queue) => deployment.schedules(queue)))).join()
      === 'expire-overdue,sweep-leases,archive,reconcile', 90_000);
  });
});

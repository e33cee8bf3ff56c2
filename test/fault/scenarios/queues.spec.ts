import { Queue, UnrecoverableError, Worker } from 'bullmq';
import { until } from '../../support/until';
import { scenario } from '../support/scenario';
import type { Stage } from '../support/stage';

const sale = { stock: 3_000 };

/** Where BullMQ finds the orders of this deployment. */
function whereabouts({ deployment: { config } }: Stage) {
  return { prefix: `{${config.redisNamespace}-orders}`, connection: { url: config.redisUrl,
    maxRetriesPerRequest: null } };
}

async function failedJobs(stage: Stage): Promise<number> {
  const { redisNamespace } = stage.deployment.config;
  return stage.deployment.redis.zcard(`{${redisNamespace}-orders}:orders:failed`);
}

scenario('every job, schedule and deadline is deleted under load: orders are written and expire',
  { row: 'All queues, schedules and deadlines deleted', timeoutSeconds: 300,
    sale: { ...sale, payWindowSeconds: 5 } },
  async (stage) => {
    const { deployment, saleId, crowd } = stage;
    await stage.inject('the timers are gone', () => deployment.deleteTimers(saleId));
    await crowd.acknowledge(30);
    await stage.heal(() => undefined);
  },
  async ({ deployment, client, saleId }) => {
    await until('the last order that nobody paid has expired', async () =>
      (await client.stock(saleId)).database.pendingPayment === 0, 45_000);
    // They are put back twice a minute.
    await until('the schedules are back', async () => (await Promise.all(
      ['order-sweeps', 'reconciliation'].map((queue) => deployment.schedules(queue)))).join()
      === 'expire-overdue,sweep-leases,archive,reconcile', 60_000);
  });

scenario('a broken worker fails jobs for good: their orders are written all the same',
  { row: 'Jobs failed for good', sale }, async (stage) => {
    const broken = new Worker('orders', async () => {
      throw new UnrecoverableError('This worker is broken');
    }, whereabouts(stage));
    await stage.inject('a broken worker takes jobs', async () => {
      await until('it has failed some', async () => await failedJobs(stage) >= 5, 60_000);
    });
    await stage.heal(() => broken.close());
  });

scenario('jobs that nobody can do are in the queue: the others pass them by',
  { row: 'Poisoned jobs', sale }, async (stage) => {
    const queue = new Queue('orders', whereabouts(stage));
    const { saleId } = stage;
    const poison = [{ saleId: 'no-sale', entries: [] }, { saleId, entries: [{}] }, {}];
    await stage.inject('poison is in the queue', async () => {
      await queue.addBulk(poison.map((data) => ({ name: 'write', data, opts: { attempts: 3 } })));
      await queue.close();
      await until('all of it has failed',
        async () => await failedJobs(stage) === poison.length, 60_000);
    });
    await stage.crowd.acknowledge(60);
    await stage.heal(() => undefined);
  });

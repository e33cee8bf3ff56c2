import { getQueueToken } from '@nestjs/bullmq';
import { Logger } from '@nestjs/common';
import type { Queue, Worker } from 'bullmq';
import { orderQueue } from '../../src/order';
import { OrderBacklog } from '../../src/order/order-backlog';
import { OrderProcessor } from '../../src/order/order.processor';
import { batchesAtOnce, type OrderBatchJob } from '../../src/order/queues';
import { StockReader } from '../../src/stock';
import { createInstallation, TestProduct, type Installation } from '../support/product';
import { until } from '../support/until';

/** A batch of a sale that is not there, without reservations, fails at once and for good. */
const noWork = { name: 'write', data: { saleId: 'none', entries: [] }, opts: { attempts: 1 } };

/** A queue is stuck after twenty looks, which a busy machine takes seldom. */
const patienceMs = 90_000;

jest.setTimeout(300_000);

describe('an order queue that does not keep up', () => {
  let installation: Installation;
  let product: TestProduct;
  let api: TestProduct;

  beforeEach(async () => { installation = await createInstallation(); });

  afterEach(async () => {
    jest.restoreAllMocks();
    await Promise.all([product.stop(), api.stop()]);
    await installation.drop();
  });

  async function start(leaseSeconds: number): Promise<void> {
    const lease = { RESERVATION_LEASE_SECONDS: String(leaseSeconds) };
    product = await TestProduct.start(lease, installation);
    api = await TestProduct.start({ ROLES: 'api', ...lease }, installation);
  }

  async function metric(name: string, of = product): Promise<number> {
    const { text } = await of.client.call('GET', '/metrics');
    return Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]);
  }

  const holds = (expected: boolean) => until(`the relay ${expected ? 'holds' : 'goes on'}`,
    async () => product.get(OrderBacklog).holdsRelay === expected, patienceMs);

  const queue = (): Queue<OrderBatchJob> => product.get(getQueueToken(orderQueue));

  /** A worker that waits for a job when it is paused takes that one all the same, no other does. */
  async function pause(worker: Worker): Promise<void> {
    await worker.pause(true);
    await queue().add(noWork.name, noWork.data, noWork.opts);
    await until('it takes no further job', async () => !worker.isRunning());
    await queue().drain();
  }

  async function buyTimes(saleId: string, name: string, count: number): Promise<void> {
    const answers = await Promise.all(Array.from({ length: count }, (_, index) =>
      api.client.buy(saleId, `${name}-${index}`)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
  }

  it('is stuck when nothing is finished for 10 s: said once, seen everywhere, over by itself',
    async () => {
      await start(600);
      const errors = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
      const saleId = await product.client.openSale({ stock: 10 });
      const { worker } = product.get(OrderProcessor);
      await pause(worker);
      await buyTimes(saleId, 'ann', 1);
      await until('both processes see it', async () =>
        await metric('queue_stuck{queue="orders"}') === 1
        && await metric('queue_stuck{queue="orders"}', api) === 1, patienceMs);
      expect(errors.mock.calls.map(([line]) => line as object)
        .filter((line) => 'queue' in line && line.queue === orderQueue))
        .toMatchObject([product, api].map(() => // one line of each process
          ({ msg: 'queue stuck', queue: orderQueue, jobs: 1 })));
      // A server that is busy for a second counts as down for as long.
      const ready = await until('it is ready', async () => {
        const answer = await api.client.call<{ details: object }>('GET', '/health/ready');
        return answer.status === 200 && answer;
      });
      expect(ready).toMatchObject(
        { body: { details: { queue: { status: 'up', stuck: [orderQueue] } } } });
      await holds(true);
      void worker.resume();
      await until('it moves', async () => await metric('queue_stuck{queue="orders"}') === 0);
      await holds(false);
      expect(await product.client.atRest(saleId)).toMatchObject({
        database: { allocated: 1 }, drift: 0 });
    });

  it('gets no more from the relay while batches wait; what is held stays one entry in the outbox',
    async () => {
      await start(1);
      const saleId = await product.client.openSale({ stock: 100 });
      const { worker } = product.get(OrderProcessor);
      await pause(worker);
      await queue().addBulk(Array.from({ length: batchesAtOnce + 1 }, () => noWork));
      // From then on a sweep that finds leases run out must not add entries.
      await until('orders count as late', async () => product.get(OrderBacklog).isLate(saleId));
      for (let one = 0; one < 10; one += 1) await buyTimes(saleId, `early-${one}`, 1);
      const inOutbox = async () => (await product.get(StockReader).audit(saleId)).outbox;
      const inOnePlace = (held: number) => until('each is in one place', async () => {
        const left = await inOutbox();
        const carried = (await queue().getJobs(['waiting'])).filter(({ data }) => data.entries.length > 0);
        const entries = carried.reduce((sum, { data }) => sum + data.entries.length, 0);
        return left + entries === held && left === await inOutbox() && { left, jobs: carried.length };
      });
      const depthIs = (depth: number) => until('the depth is measured', async () =>
        await metric(`outbox_depth{sale_id="${saleId}"}`) === depth);
      // The relay may have been waiting for the first ones when the queue filled.
      const early = await inOnePlace(10);
      expect(early.jobs).toBeLessThanOrEqual(1);
      expect(early.left).toBeGreaterThan(0);
      await depthIs(early.left);
      await holds(true);
      expect(await metric('relay_holding')).toBe(1);
      await until('the sweep has renewed the leases', async () => {
        const reader = product.get(StockReader);
        const [held] = await reader.reservations(saleId,
          await reader.overdue(saleId, Date.now() + 3_600_000, 1));
        return held !== undefined && held.deadlineMs > held.reservedAtMs + 2_500;
      });
      await buyTimes(saleId, 'late', 10);
      const { left } = await inOnePlace(20);
      expect(left).toBeGreaterThanOrEqual(10);
      await depthIs(left);
      void worker.resume();
      await holds(false);
      await until('all are orders', async () =>
        (await product.client.stock(saleId)).database.allocated === 20);
      expect(await product.client.atRest(saleId)).toMatchObject({
        database: { allocated: 20 }, drift: 0 });
      await depthIs(0);
    });
});

import { getQueueToken } from '@nestjs/bullmq';
import type { Queue } from 'bullmq';
import { Database } from '../../../src/infra/database';
import { orderQueue } from '../../../src/order';
import type { OrderBatchJob } from '../../../src/order/queues';
import { expectBooksToBalance } from '../../support/books';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { takeJobs } from '../../support/take-jobs';
import { until } from '../../support/until';
import { withoutReconciliation } from '../../support/without-reconciliation';

const workerSettings = { ROLES: 'worker', RESERVATION_LEASE_SECONDS: '1' };

jest.setTimeout(180_000);

describe('what was accepted', () => {
  let installation: Installation;
  let api: TestProduct;
  let worker: TestProduct | undefined;

  beforeAll(async () => {
    installation = await createInstallation();
    api = await TestProduct.start({ ROLES: 'api', RESERVATION_LEASE_SECONDS: '1' }, installation);
  });

  afterEach(async () => {
    await worker?.stop();
    worker = undefined;
  });

  afterAll(async () => {
    await api.stop();
    await installation.drop();
  });

  async function accept(saleId: string, count: number): Promise<string[]> {
    const answers = await Promise.all(Array.from({ length: count }, (_, index) =>
      api.client.buy(saleId, `buyer-${index}`)));
    expect(answers.map(({ status }) => status)).toEqual(Array(count).fill(202));
    return answers.map(({ body }) => body.id);
  }

  const startWorker = async () => {
    worker = await TestProduct.start(workerSettings, installation);
    return worker;
  };

  /** Accepts 50 purchases, and takes each out of the queue of orders at least once. */
  async function loseEveryJob(running: TestProduct, saleId: string): Promise<void> {
    const queue = running.get<Queue<OrderBatchJob>>(getQueueToken(orderQueue));
    await queue.pause();
    const rids = await accept(saleId, 50);
    const lost = new Set<string>();
    await until('every purchase was in a job that is lost', async () => {
      // While more than a few jobs wait, no further ones come.
      for (const { data } of await takeJobs(queue)) for (const { rid } of data.entries) lost.add(rid);
      return rids.every((rid) => lost.has(rid));
    }, 60_000);
    // The sweep may have put some there once more.
    await queue.drain();
    await queue.resume();
  }

  it('I8: becomes an order, although no worker ran when it was accepted', async () => {
    const saleId = await api.client.openSale({ stock: 60 });
    const rids = await accept(saleId, 60);
    await startWorker();
    const { orders } = await expectBooksToBalance(api, saleId);
    expect(orders.map(({ id, status }) => [id, status]).sort())
      .toEqual(rids.map((rid) => [rid, 'pending_payment']).sort());
  });

  it('I8: becomes an order or a refusal with its reason, and its buyer reads which', async () => {
    const saleId = await api.client.openSale({ stock: 10 });
    const rids = await accept(saleId, 10);
    // As after a Redis that came back older: it promised more than the database has.
    await api.get(Database).execute('UPDATE sale_stock SET total = 7 WHERE sale_id = ?', [saleId]);
    await startWorker();
    const views = await Promise.all(rids.map((rid, index) => until('the order is decided',
      async () => {
        const { body } = await api.client.find(rid, `buyer-${index}`);
        return body.status !== 'reserved' && body;
      }, 60_000)));
    const rejected = views.filter(({ status }) => status === 'rejected');
    expect(rejected.map(({ reason }) => reason)).toEqual(['SOLD_OUT', 'SOLD_OUT', 'SOLD_OUT']);
    expect(views.filter(({ status }) => status === 'pending_payment')).toHaveLength(7);
  });

  it('I13: is worked off when there is no fault, and goes on growing until it is', async () => {
    const saleId = await api.client.openSale({ stock: 200 });
    await accept(saleId, 200);
    await startWorker();
    await until('every order is written', async () =>
      (await api.client.stock(saleId)).database.allocated === 200, 60_000);
  });

  it('I13: is worked off even when every job of it was lost from the queue', async () => {
    const saleId = await api.client.openSale({ stock: 50 });
    const running = await startWorker();
    await withoutReconciliation(running, async () => {
      await loseEveryJob(running, saleId);
      await until('every order is written', async () =>
        (await api.client.stock(saleId)).database.allocated === 50, 60_000);
    });
    const { orders } = await expectBooksToBalance(api, saleId);
    expect(orders).toHaveLength(50);
  });
});

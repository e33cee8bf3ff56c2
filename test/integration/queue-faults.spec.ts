import { getQueueToken } from '@nestjs/bullmq';
import { Logger } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { Database } from '../../src/infra/database';
import { orderQueue } from '../../src/order';
import { OrderProcessor } from '../../src/order/order.processor';
import { PaymentProcessor } from '../../src/payment/payment.processor';
import { RiskCasesProcessor } from '../../src/risk/cases/risk-cases.processor';
import { NotificationProcessor } from '../../src/infra/notification/notification.processor';
import type { QueueProcessor } from '../../src/infra/queue';
import { OrderWriter } from '../../src/order/order-writer';
import { expiryQueue, type OrderBatchJob } from '../../src/order/queues';
import { Reconciler } from '../../src/reconciliation';
import { reconciliationQueue } from '../../src/reconciliation/look-again';
import { TestProduct } from '../support/product';
import { until } from '../support/until';

jest.setTimeout(180_000);

describe('what goes wrong in a queue', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => product.stop());

  it('is in the log when a job fails, with its queue, name and attempt', async () => {
    const warnings = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    await product.get<Queue>(getQueueToken(orderQueue))
      .add('write', { saleId: 'no-such-sale', entries: [] }, { attempts: 1 });
    const [line] = await until('the failure is reported', async () =>
      warnings.mock.calls.find(([message]) => {
        const { msg, queue } = message as { msg: string; queue?: string };
        return msg === 'job failed' && queue === orderQueue;
      }));
    expect(line).toMatchObject({ job: 'write', attempts: 1,
      err: expect.objectContaining({ message: expect.stringContaining('no-such-sale') }) });
  });

  it('costs a batch of orders no attempt while the database takes none, however long', async () => {
    const database = product.get(Database);
    jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const saleId = await product.client.openSale();
    await database.execute(`CREATE TRIGGER refuse_orders BEFORE INSERT ON orders FOR EACH ROW
      SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1290, MESSAGE_TEXT = 'the server is read-only'`);
    const { body: { id } } = await product.client.buy(saleId, 'ann');
    const queue = product.get<Queue<OrderBatchJob>>(getQueueToken(orderQueue));
    const job = await until('the batch has been tried again and again', async () => {
      const jobs = await queue.getJobs(['waiting', 'active']);
      return jobs.find(({ attemptsStarted, data }) => data.saleId === saleId && attemptsStarted > 3);
    });
    expect(job.attemptsMade).toBe(0);
    await database.execute('DROP TRIGGER refuse_orders');
    await product.client.inStatus(id, 'ann', 'pending_payment');
    expect((await queue.getFailed()).filter(({ data }) => data.saleId === saleId)).toEqual([]);
  });

  it('keeps no order waiting when it is the queue of hints whose node does not answer', async () => {
    const expiries = product.get<Queue>(getQueueToken(expiryQueue));
    const hint = jest.spyOn(expiries, 'add').mockReturnValue(new Promise(() => undefined));
    const saleId = await product.client.openSale({ stock: 20 });
    for (let order = 0; order < 10; order += 1) await product.client.order(saleId, `buyer-${order}`);
    expect(hint).toHaveBeenCalled();
    expect(await product.client.atRest(saleId)).toMatchObject({ database: { pendingPayment: 10 } });
  });

  it('is in the log once, however often a worker meets the same fault', () => {
    const warnings = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const { worker } = product.get(OrderProcessor);
    for (let attempt = 0; attempt < 3; attempt += 1) worker.emit('error', new Error('gone'));
    worker.emit('error', new Error('gone otherwise'));
    expect(warnings.mock.calls).toEqual(['gone', 'gone otherwise'].map((error) =>
      [{ msg: 'worker fault', queue: orderQueue, error }]));
  });
});

it('a process that stops ends the job that it has begun while the queues that it fills are open',
  async () => {
    const product = await TestProduct.start();
    const expiries = product.get<Queue>(getQueueToken(expiryQueue));
    const { worker } = product.get(OrderProcessor);
    const writer = product.get(OrderWriter);
    const write = writer.write.bind(writer);
    const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    jest.spyOn(writer, 'write').mockImplementationOnce(async (...batch) => {
      begun.resolve();
      await goOn.promise;
      return write(...batch);
    });
    const failed = jest.fn();
    worker.on('failed', failed);
    await product.client.buy(await product.client.openSale(), 'ann');
    await begun.promise;
    const stopped = product.stop();
    await until('the worker is told', async () => worker.closing !== undefined);
    expect(expiries.closing).toBeUndefined();
    goOn.resolve();
    await stopped;
    expect(failed).not.toHaveBeenCalled();
  });

it('a process that stops begins no job of any queue while one of its jobs still runs', async () => {
  const product = await TestProduct.start();
  const workers = [OrderProcessor, PaymentProcessor, RiskCasesProcessor, NotificationProcessor]
    .map((processor) => product.get<QueueProcessor>(processor).worker);
  const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  jest.spyOn(product.get(Reconciler), 'run').mockImplementation(async () => {
    begun.resolve();
    await goOn.promise;
    return [];
  });
  await product.get<Queue>(getQueueToken(reconciliationQueue)).add('reconcile', {});
  await begun.promise;
  const stopped = product.stop();
  await until('the others are told', async () =>
    workers.every(({ closing }) => closing !== undefined));
  goOn.resolve();
  await stopped;
});

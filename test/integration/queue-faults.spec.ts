import { getQueueToken } from '@nestjs/bullmq';
import { Logger } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { Database } from '../../src/infra/database';
import { orderQueue } from '../../src/order';
import { OrderProcessor } from '../../src/order/order.processor';
import type { OrderBatchJob } from '../../src/order/queues';
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

  it('is in the log once, however often a worker meets the same fault', () => {
    const warnings = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const { worker } = product.get(OrderProcessor);
    for (let attempt = 0; attempt < 3; attempt += 1) worker.emit('error', new Error('gone'));
    worker.emit('error', new Error('gone otherwise'));
    expect(warnings.mock.calls).toEqual(['gone', 'gone otherwise'].map((error) =>
      [{ msg: 'worker fault', queue: orderQueue, error }]));
  });
});

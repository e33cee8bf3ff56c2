import { InjectQueue, Processor } from '@nestjs/bullmq';
import { Logger } from '@nestjs/common';
import { Worker, type Job, type Queue } from 'bullmq';
import { isUnavailable } from '../infra/database';
import { failpoint } from '../infra/failpoint';
import { outageRestMs, QueueProcessor, workerDefaults } from '../infra/queue';
import { SaleCatalog } from '../sale';
import { OrderFollowup } from './order-followup';
import { OrderWriter } from './order-writer';
import { batchesAtOnce, orderQueue, type OrderBatchJob } from './queues';

/** S5 and S6: writes a batch of reservations as orders, then confirms them in Redis. */
@Processor(orderQueue, { ...workerDefaults, concurrency: batchesAtOnce })
export class OrderProcessor extends QueueProcessor {
  private readonly logger = new Logger('OrderProcessor');
  private isResting = false;

  constructor(
    @InjectQueue(orderQueue) private readonly queue: Queue,
    private readonly catalog: SaleCatalog,
    private readonly writer: OrderWriter,
    private readonly followup: OrderFollowup,
  ) {
    super();
  }

  /** While the database is away a batch waits, however long, and the worker asks once a second. */
  override async process({ data }: Job<OrderBatchJob>): Promise<void> {
    try {
      await this.write(data);
      this.isResting = false;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      if (!this.isResting) {
        // Once per outage, not once per attempt.
        this.logger.warn({ msg: 'the database takes no orders', saleId: data.saleId,
          orders: data.entries.length, error: String(error), action: 'trying again every second' });
      }
      this.isResting = true;
      await this.queue.rateLimit(outageRestMs);
      throw Worker.RateLimitError();
    }
  }

  private async write({ saleId, entries }: OrderBatchJob): Promise<void> {
    const sale = await this.catalog.find(saleId);
    if (!sale) throw new Error(`A batch names the sale ${saleId}, which is not there`);
    failpoint('writer-before-commit');
    const orders = await this.writer.write(sale, entries);
    failpoint('writer-after-commit');
    await this.followup.apply(saleId, orders);
    this.logger.debug({ msg: 'orders written', saleId, orders: orders.length,
      traceIds: entries.map(({ traceId }) => traceId) });
  }
}

import { Processor, WorkerHost } from '@nestjs/bullmq';
import { Logger } from '@nestjs/common';
import type { Job } from 'bullmq';
import { failpoint } from '../infra/failpoint';
import { workerDefaults } from '../infra/queue';
import { SaleCatalog } from '../sale';
import { OrderFollowup } from './order-followup';
import { OrderWriter } from './order-writer';
import { orderQueue, type OrderBatchJob } from './queues';

/** S5 and S6: writes a batch of reservations as orders, then confirms them in Redis. */
@Processor(orderQueue, { ...workerDefaults, concurrency: 4 })
export class OrderProcessor extends WorkerHost {
  private readonly logger = new Logger('OrderProcessor');

  constructor(
    private readonly catalog: SaleCatalog,
    private readonly writer: OrderWriter,
    private readonly followup: OrderFollowup,
  ) {
    super();
  }

  override async process({ data: { saleId, entries } }: Job<OrderBatchJob>): Promise<void> {
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

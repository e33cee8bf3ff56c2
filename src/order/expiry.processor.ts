import { Processor } from '@nestjs/bullmq';
import type { Job } from 'bullmq';
import { QueueProcessor, workerDefaults } from '../infra/queue';
import { OverdueOrders } from './overdue-orders';
import { expiryQueue } from './queues';

/** The delayed release of unpaid orders: one job per sale and time bucket says when to look. */
@Processor(expiryQueue, { ...workerDefaults, concurrency: 2 })
export class ExpiryProcessor extends QueueProcessor {
  constructor(private readonly overdue: OverdueOrders) {
    super();
  }

  override async process({ data: { saleId } }: Job<{ saleId: string }>): Promise<void> {
    await this.overdue.expireSale(saleId);
  }
}

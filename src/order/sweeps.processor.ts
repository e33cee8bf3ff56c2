import { InjectQueue, Processor } from '@nestjs/bullmq';
import { Logger, type OnApplicationBootstrap } from '@nestjs/common';
import type { Job, Queue } from 'bullmq';
import { Database } from '../infra/database';
import { QueueProcessor, Schedules, workerDefaults } from '../infra/queue';
import { SaleCatalog } from '../sale';
import { StockRedis } from '../stock';
import { LeaseSweep } from './lease-sweep';
import { OverdueOrders } from './overdue-orders';
import { sweepQueue } from './queues';

const sweepLeases = 'sweep-leases';
const expireOverdue = 'expire-overdue';

/** Runs S9 and S10 on a schedule. */
@Processor(sweepQueue, { ...workerDefaults, concurrency: 2 })
export class SweepsProcessor extends QueueProcessor implements OnApplicationBootstrap {
  private readonly logger = new Logger('Sweeps');

  constructor(
    @InjectQueue(sweepQueue) private readonly queue: Queue,
    private readonly schedules: Schedules,
    private readonly database: Database,
    private readonly catalog: SaleCatalog,
    private readonly redis: StockRedis,
    private readonly leases: LeaseSweep,
    private readonly overdue: OverdueOrders,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    this.schedules.every(this.queue, sweepLeases, 2_000);
    this.schedules.every(this.queue, expireOverdue, 5_000);
  }

  override async process({ name }: Job): Promise<void> {
    switch (name) {
      case sweepLeases:
        // A sweep that takes long overlaps with the next on the schedule, which would only repeat it.
        await this.database.withLock(sweepLeases, () => this.sweepAll());
        return;
      case expireOverdue: return this.overdue.expireAll();
      default: throw new Error(`No sweep is called ${name}`);
    }
  }

  /** Not those whose node of a Cluster is away: each would keep the others waiting. */
  private async sweepAll(): Promise<void> {
    for (const sale of this.catalog.live()) {
      if (this.redis.isNodeAway(sale.id)) continue;
      try {
        await this.leases.sweep(sale);
      } catch (error) {
        this.logger.warn({ msg: 'leases not swept, trying again', saleId: sale.id,
          error: String(error) });
      }
    }
  }
}

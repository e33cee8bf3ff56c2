import { InjectQueue, Processor, WorkerHost } from '@nestjs/bullmq';
import type { OnApplicationBootstrap } from '@nestjs/common';
import type { Job, Queue } from 'bullmq';
import { Schedules, workerDefaults } from '../infra/queue';
import { SaleCatalog } from '../sale';
import { LeaseSweep } from './lease-sweep';
import { OverdueOrders } from './overdue-orders';
import { sweepQueue } from './queues';

const sweepLeases = 'sweep-leases';
const expireOverdue = 'expire-overdue';

/** Runs S9 and S10 on a schedule, one at a time over all workers. */
@Processor(sweepQueue, { ...workerDefaults, concurrency: 2 })
export class SweepsProcessor extends WorkerHost implements OnApplicationBootstrap {
  constructor(
    @InjectQueue(sweepQueue) private readonly queue: Queue,
    private readonly schedules: Schedules,
    private readonly catalog: SaleCatalog,
    private readonly leases: LeaseSweep,
    private readonly overdue: OverdueOrders,
  ) {
    super();
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.schedules.every(this.queue, sweepLeases, 2_000);
    await this.schedules.every(this.queue, expireOverdue, 5_000);
  }

  override async process({ name }: Job): Promise<void> {
    switch (name) {
      case sweepLeases:
        for (const sale of this.catalog.live()) await this.leases.sweep(sale);
        return;
      case expireOverdue: return this.overdue.expireAll();
      default: throw new Error(`No sweep is called ${name}`);
    }
  }
}

import { InjectQueue, Processor, WorkerHost } from '@nestjs/bullmq';
import type { OnApplicationBootstrap } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { Schedules, workerDefaults } from '../infra/queue';
import { Reconciler } from './reconciler';

export const reconciliationQueue = 'reconciliation';

/** Reconciles every live sale once a minute. */
@Processor(reconciliationQueue, { ...workerDefaults, concurrency: 1 })
export class ReconciliationProcessor extends WorkerHost implements OnApplicationBootstrap {
  constructor(
    @InjectQueue(reconciliationQueue) private readonly queue: Queue,
    private readonly schedules: Schedules,
    private readonly reconciler: Reconciler,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    this.schedules.every(this.queue, 'reconcile', 60_000);
  }

  override async process(): Promise<void> {
    await this.reconciler.run('schedule');
  }
}

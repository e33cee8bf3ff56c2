import { InjectQueue, Processor, WorkerHost } from '@nestjs/bullmq';
import type { OnApplicationBootstrap } from '@nestjs/common';
import type { Job, Queue } from 'bullmq';
import { Schedules, workerDefaults } from '../infra/queue';
import { Archiver } from './archiver';
import { Reconciler } from './reconciler';

export const reconciliationQueue = 'reconciliation';

const reconcile = 'reconcile';
const archive = 'archive';

/** Once a minute reconciles every live sale, and moves rows of those long over to the archive. */
@Processor(reconciliationQueue, { ...workerDefaults, concurrency: 1 })
export class ReconciliationProcessor extends WorkerHost implements OnApplicationBootstrap {
  constructor(
    @InjectQueue(reconciliationQueue) private readonly queue: Queue,
    private readonly schedules: Schedules,
    private readonly reconciler: Reconciler,
    private readonly archiver: Archiver,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    this.schedules.every(this.queue, reconcile, 60_000);
    this.schedules.every(this.queue, archive, 60_000);
  }

  override async process({ name }: Job): Promise<void> {
    switch (name) {
      case reconcile:
        await this.reconciler.run('schedule');
        return;
      case archive:
        await this.archiver.run();
        return;
      default: throw new Error(`No job of reconciliation is called ${name}`);
    }
  }
}

import { InjectQueue, Processor } from '@nestjs/bullmq';
import type { OnApplicationBootstrap } from '@nestjs/common';
import type { Job, Queue } from 'bullmq';
import { QueueProcessor, Schedules, workerDefaults } from '../infra/queue';
import { Archiver } from './archiver';
import { LookAgain, lookAgain, reconciliationQueue, type LookAgainJob } from './look-again';
import { Reconciler } from './reconciler';
import type { ReconciliationItem } from './reconciliation-runs';

const reconcile = 'reconcile';
const archive = 'archive';

const againAfterMs = 5_000;
/** Together less than the minute after which every sale is looked at anyway. */
const againAtMost = 10;
/** A difference that was met this often, and moved each time, may hide one that stands. */
const insistsAt = 2;

/**
 * Once a minute reconciles every live sale, and every few seconds those whose difference moved; moves
 * rows of sales that are long over to the archive.
 */
@Processor(reconciliationQueue, { ...workerDefaults, concurrency: 1 })
export class ReconciliationProcessor extends QueueProcessor implements OnApplicationBootstrap {
  constructor(
    @InjectQueue(reconciliationQueue) private readonly queue: Queue,
    private readonly schedules: Schedules,
    private readonly reconciler: Reconciler,
    private readonly archiver: Archiver,
    private readonly lookAgain: LookAgain,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    this.schedules.every(this.queue, reconcile, 60_000);
    this.schedules.every(this.queue, archive, 60_000);
  }

  override async process({ name, data }: Job): Promise<void> {
    switch (name) {
      case reconcile:
        await this.followUp(await this.reconciler.run('schedule'), 1);
        return;
      case lookAgain: {
        const { saleIds, look } = data as LookAgainJob;
        await this.followUp(await this.reconciler.again(saleIds, look === insistsAt), look + 1);
        return;
      }
      case archive:
        await this.archiver.run();
        return;
      default: throw new Error(`No job of reconciliation is called ${name}`);
    }
  }
  private async followUp(items: readonly ReconciliationItem[], look: number): Promise<void> {
    const saleIds = items.filter(({ moving }) => moving).map(({ saleId }) => saleId);
    if (saleIds.length === 0 || look > againAtMost) return;
    await this.lookAgain.ask({ saleIds, look }, againAfterMs);
  }
}

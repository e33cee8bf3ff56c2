import { hash } from 'node:crypto';
import { InjectQueue } from '@nestjs/bullmq';
import { Injectable } from '@nestjs/common';
import type { Queue } from 'bullmq';

export const reconciliationQueue = 'reconciliation';
export const lookAgain = 'look-again';

export interface LookAgainJob {
  saleIds: string[];
  /** 1 for the first of a row of them. */
  look: number;
}

/** Every worker notices the same. */
const onceInMs = 3_000;
/** Another reconciliation may be under way just then. */
const retries = { attempts: 4, backoff: { type: 'fixed', delay: 2_000 } };

/** Has some sales reconciled before the minute is over. */
@Injectable()
export class LookAgain {
  constructor(@InjectQueue(reconciliationQueue) private readonly queue: Queue) {}

  async ask(job: LookAgainJob, delayMs: number): Promise<void> {
    const id = hash('sha256', `${job.look} ${job.saleIds.toSorted().join(' ')}`, 'base64url');
    await this.queue.add(lookAgain, job,
      { ...retries, delay: delayMs, deduplication: { id, ttl: onceInMs } });
  }
}

import { InjectQueue } from '@nestjs/bullmq';
import { Injectable } from '@nestjs/common';
import { ErrorCode, type Job, type Queue } from 'bullmq';
import { pageItemsAtMost, type PageEnd } from '../http';
import { inTime } from '../queue';
import { type Delivery, notificationQueue } from './delivery';

/** A delivery that was given up. */
export interface DeadNotification extends Omit<Delivery, 'url'> {
  id: string;
  /** The receiver without what its URL may keep secret: `https://hooks.example`. */
  receiver: string;
  /** When it was given up, in epoch milliseconds. */
  atMs: number;
  attempts: number;
  reason: string;
}

/** The dead letters: what the queue keeps of the deliveries that failed for good. */
@Injectable()
export class DeadNotifications {
  constructor(@InjectQueue(notificationQueue) private readonly queue: Queue<Delivery>) {}

  /** Those after the end of a page, newest first, one more than a page. */
  async list(after: PageEnd): Promise<DeadNotification[]> {
    // The queue keeps few enough of them to be sorted here.
    const jobs = await inTime(this.queue.getFailed());
    return jobs.map(toDeadNotification)
      .filter(({ atMs, id }) => atMs < after.atMs || (atMs === after.atMs && id < after.id))
      .sort((one, other) => other.atMs - one.atMs || (one.id < other.id ? 1 : -1))
      .slice(0, pageItemsAtMost + 1);
  }

  /** Puts it back to the start, as many attempts as at first. False when it is no dead letter. */
  retry(id: string): Promise<boolean> {
    return inTime(this.decide(id, (job) =>
      job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true })));
  }

  /** Forgets it. False when it is no dead letter. */
  remove(id: string): Promise<boolean> {
    return inTime(this.decide(id, (job) => job.remove()));
  }

  private async decide(id: string, act: (job: Job<Delivery>) => Promise<void>): Promise<boolean> {
    const job = await this.queue.getJob(id);
    if (job === undefined || !(await job.isFailed())) return false;
    try {
      await act(job);
      return true;
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }
}

function toDeadNotification(job: Job<Delivery>): DeadNotification {
  const { url, ...delivery } = job.data;
  return {
    ...delivery,
    id: job.id ?? '',
    receiver: new URL(url).origin,
    atMs: job.finishedOn ?? 0,
    attempts: job.attemptsMade,
    reason: job.failedReason,
  };
}

/** Somebody else has retried or removed it. */
function isGone(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === ErrorCode.JobNotExist || code === ErrorCode.JobNotInState;
}

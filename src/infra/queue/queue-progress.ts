import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy }
  from '@nestjs/common';
import type { Queue } from 'bullmq';
import { ProgressCircuit } from './progress-circuit';
import { Queues } from './queues';

const lookEveryMs = 500;
/** I13: with work and no fault a job is finished within this time. */
const stuckAfterMs = 10_000;

/** What is known of one queue; `jobs`: waiting or being worked on. */
interface Progress {
  readonly circuit: ProgressCircuit;
  jobs: number;
}

/**
 * Whether queues move: not whether they answer, but whether jobs are finished while there are any.
 * Workers count what they complete in Redis, so that every process sees the progress of all.
 */
@Injectable()
export class QueueProgress implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('QueueProgress');
  private readonly progress = new Map<string, Progress>();
  private timer: NodeJS.Timeout | undefined;
  private isLooking = false;

  constructor(private readonly queues: Queues) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => { void this.look(); }, lookEveryMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Jobs of the queue that wait or are worked on, half a second ago. */
  jobsOf(queue: string): number {
    return this.progress.get(queue)?.jobs ?? 0;
  }

  isStuck(queue: string): boolean {
    return this.progress.get(queue)?.circuit.isOpen ?? false;
  }

  /** Names of the queues that have work and have finished none of it for 10 s. */
  stuck(): string[] {
    return [...this.progress.keys()].filter((queue) => this.isStuck(queue));
  }

  /** One look at a time: while Redis is away it waits, and what was known stands. */
  private async look(): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    try {
      await Promise.all(this.queues.all().map((queue) => this.lookAt(queue)));
    } catch (error) {
      this.logger.debug({ msg: 'queues not looked at', error: String(error) });
    } finally {
      this.isLooking = false;
    }
  }

  private async lookAt(queue: Queue): Promise<void> {
    const [jobs, { meta: { count: finished } }] = await Promise.all([
      queue.getJobCountByTypes('waiting', 'active', 'prioritized'),
      queue.getMetrics('completed', 0, 0),
    ]);
    const known = this.progress.get(queue.name)
      ?? { circuit: new ProgressCircuit(stuckAfterMs / lookEveryMs), jobs };
    this.progress.set(queue.name, known);
    known.jobs = jobs;
    const wasStuck = known.circuit.isOpen;
    await known.circuit.take({ jobs, finished });
    const isStuck = known.circuit.isOpen;
    if (isStuck !== wasStuck) this.report(queue.name, jobs, isStuck);
  }

  private report(queue: string, jobs: number, isStuck: boolean): void {
    if (!isStuck) this.logger.log({ msg: 'queue moves again', queue, jobs });
    else {
      this.logger.error({ msg: 'queue stuck', queue, jobs, withoutProgressMs: stuckAfterMs,
        action: 'jobs stay in the queue; look for a worker that runs, and what its jobs wait for' });
    }
  }
}

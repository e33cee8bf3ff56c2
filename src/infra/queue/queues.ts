import { WorkerHost } from '@nestjs/bullmq';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Queue, type Worker } from 'bullmq';

/** Every queue of this process, for health, metrics and shutdown; reports their faults. */
@Injectable()
export class Queues implements OnApplicationBootstrap {
  private readonly logger = new Logger('Queues');
  private queues: readonly Queue[] = [];

  constructor(private readonly discovery: DiscoveryService) {}

  onApplicationBootstrap(): void {
    const instances = new Set(this.discovery.getProviders().map((wrapper): unknown =>
      wrapper.instance));
    this.queues = [...instances].filter((instance) => instance instanceof Queue);
    for (const queue of this.queues) {
      queue.on('error', (error) => {
        this.logger.debug({ msg: 'queue connection fault', queue: queue.name, error: error.message });
      });
    }
    const hosts = [...instances].filter((instance) => instance instanceof WorkerHost);
    for (const host of hosts) this.report(host.worker as Worker);
  }

  private report(worker: Worker): void {
    const queue = worker.name;
    worker.on('failed', (job, error) => {
      this.logger.warn({ msg: 'job failed', queue, job: job?.name, jobId: job?.id,
        attempts: job?.attemptsMade, err: error });
    });
    let lastMessage = '';
    worker.on('error', ({ message }) => {
      // Once per outage, not once per attempt.
      if (message !== lastMessage) this.logger.warn({ msg: 'worker fault', queue, error: message });
      lastMessage = message;
    });
  }

  all(): readonly Queue[] {
    return this.queues;
  }

  /** Jobs that are waiting, delayed or being worked on, by queue. Rejects when Redis is away. */
  async depths(): Promise<{ queue: string; jobs: number }[]> {
    return Promise.all(this.queues.map(async (queue) => ({
      queue: queue.name,
      jobs: await queue.getJobCountByTypes('waiting', 'delayed', 'active', 'prioritized'),
    })));
  }
}

import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Queue } from 'bullmq';

/** Every queue of this process, for health, metrics and shutdown. */
@Injectable()
export class Queues implements OnApplicationBootstrap {
  private readonly logger = new Logger('Queues');
  private queues: readonly Queue[] = [];

  constructor(private readonly discovery: DiscoveryService) {}

  onApplicationBootstrap(): void {
    const found = this.discovery.getProviders().map((wrapper): unknown => wrapper.instance)
      .filter((instance) => instance instanceof Queue);
    this.queues = [...new Set(found)];
    for (const queue of this.queues) {
      queue.on('error', (error) => {
        this.logger.debug({ msg: 'queue connection fault', queue: queue.name, error: error.message });
      });
    }
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

import { WorkerHost } from '@nestjs/bullmq';
import { Inject, type OnApplicationShutdown } from '@nestjs/common';
import { Queues } from './queues';

/**
 * Works on the jobs of a queue; when the process stops it ends those that it has begun. That is before
 * any queue is closed, which @nestjs/bullmq does before it closes the workers: a job that fills
 * another queue would fail, or wait for one that is gone.
 */
export abstract class QueueProcessor extends WorkerHost implements OnApplicationShutdown {
  @Inject(Queues) private readonly queues!: Queues;

  async onApplicationShutdown(): Promise<void> {
    // All at once: none begins another job while a module that stops earlier ends its own.
    this.queues.stopWorkers();
    await this.worker.close();
  }
}

import { WorkerHost } from '@nestjs/bullmq';
import type { OnApplicationShutdown } from '@nestjs/common';

/**
 * Works on the jobs of a queue; when the process stops it ends those that it has begun. That is before
 * any queue is closed, which @nestjs/bullmq does before it closes the workers: a job that fills
 * another queue would fail, or wait for one that is gone.
 */
export abstract class QueueProcessor extends WorkerHost implements OnApplicationShutdown {
  async onApplicationShutdown(): Promise<void> {
    await this.worker.close();
  }
}

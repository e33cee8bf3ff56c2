import { Injectable, type OnModuleInit } from '@nestjs/common';
import { QueueProgress, Queues } from '../queue';
import { Metrics } from './metrics';

/** Asks every queue for its depth when somebody scrapes, and says which of them are stuck. */
@Injectable()
export class QueueMetrics implements OnModuleInit {
  constructor(
    private readonly queues: Queues,
    private readonly progress: QueueProgress,
    private readonly metrics: Metrics,
  ) {}

  onModuleInit(): void {
    this.metrics.onScrape(async () => {
      for (const { name: queue } of this.queues.all()) {
        this.metrics.queueStuck.set({ queue }, this.progress.isStuck(queue) ? 1 : 0);
      }
      for (const { queue, jobs } of await this.queues.depths()) {
        this.metrics.queueDepth.set({ queue }, jobs);
      }
    });
  }
}

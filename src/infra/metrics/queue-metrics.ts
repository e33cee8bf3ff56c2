import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Queues } from '../queue';
import { Metrics } from './metrics';

/** Asks every queue for its depth when somebody scrapes. */
@Injectable()
export class QueueMetrics implements OnModuleInit {
  constructor(private readonly queues: Queues, private readonly metrics: Metrics) {}

  onModuleInit(): void {
    this.metrics.onScrape(async () => {
      for (const { queue, jobs } of await this.queues.depths()) {
        this.metrics.queueDepth.set({ queue }, jobs);
      }
    });
  }
}

import cluster from 'node:cluster';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { tellPrimary, type ToChild } from '../processes';
import { Metrics } from './metrics';

/**
 * What a scrape shows: this process, or all that share its port (PROCESSES). Their primary adds up;
 * a process gives it its figures when it is asked, and once more before it ends.
 */
@Injectable()
export class Scrapes implements OnModuleInit {
  private asked: PromiseWithResolvers<string> | undefined;

  constructor(private readonly metrics: Metrics) {}

  onModuleInit(): void {
    if (cluster.isWorker) process.on('message', (message: ToChild) => { this.take(message); });
  }

  /** Everything in Prometheus' text format. Those who ask at once share an answer. */
  async text(): Promise<string> {
    // Without a primary there are no others: it ends, and so do they.
    if (!cluster.isWorker || !process.connected) return this.metrics.scrape();
    if (this.asked === undefined) {
      this.asked = Promise.withResolvers();
      void tellPrimary({ type: 'scrape' });
    }
    return this.asked.promise;
  }

  /** Leaves what this process counted with its primary. */
  async bequeath(): Promise<void> {
    if (cluster.isWorker) await this.giveFigures();
  }

  private take(message: ToChild): void {
    if (message.type === 'measure') void this.measure();
    else if (message.type === 'scraped') {
      this.asked?.resolve(message.text);
      this.asked = undefined;
    }
  }

  private async measure(): Promise<void> {
    await this.metrics.measure();
    await this.giveFigures();
  }

  private async giveFigures(): Promise<void> {
    const figures = await this.metrics.registry.getMetricsAsJSON();
    await tellPrimary({ type: 'figures', figures });
  }
}

import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Metrics } from '../infra/metrics';
import { SaleCatalog } from '../sale';
import { StockReader } from '../stock';
import { ReconciliationRuns } from './reconciliation-runs';

const runsLookedAt = 20;

/** Stock figures for Prometheus, measured when it asks; the same from every process. */
@Injectable()
export class StockGauges implements OnApplicationBootstrap {
  constructor(
    private readonly metrics: Metrics,
    private readonly catalog: SaleCatalog,
    private readonly reader: StockReader,
    private readonly runs: ReconciliationRuns,
  ) {}

  onApplicationBootstrap(): void {
    this.metrics.onScrape(() => this.measureRemaining());
    this.metrics.onScrape(() => this.measureDrift());
  }

  /** A sale of which nobody can say it has no number. */
  private async measureRemaining(): Promise<void> {
    const counts = await this.reader.available(this.catalog.live().map(({ id }) => id));
    this.metrics.stockRemaining.reset();
    for (const [saleId, available] of counts) {
      if (available !== undefined) this.metrics.stockRemaining.set({ sale_id: saleId }, available);
    }
  }

  /** As the latest run left it: a difference that is only passing is none. */
  private async measureDrift(): Promise<void> {
    const runs = await this.runs.list(runsLookedAt);
    this.metrics.stockDrift.reset();
    for (const { items } of runs.reverse()) {
      for (const { saleId, driftAfter } of items) {
        this.metrics.stockDrift.set({ sale_id: saleId }, driftAfter);
      }
    }
  }
}

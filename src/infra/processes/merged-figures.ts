import { AggregatorRegistry } from 'prom-client';
import type { Figures } from './messages';

/** They only ever grow; a gauge says how things are now, and a process that is gone has no now. */
const counting = new Set<unknown>(['counter', 'histogram']);

/** What processes counted, without their gauges. */
export function countsOf(figures: Figures): Figures {
  return figures.filter(({ type }) => counting.has(type));
}

/**
 * Adds up what several processes measured, each metric as its `aggregator` says. What processes
 * counted that are gone stays in: a counter that falls would look like a restart of the product, and
 * all that the others ever counted like news.
 */
export class MergedFigures {
  private ofTheGone: Promise<Figures> = Promise.resolve([]);

  /** Keeps what a process counted that is gone. */
  keep(figures: Figures): void {
    this.ofTheGone = this.ofTheGone.then((kept) =>
      AggregatorRegistry.aggregate([kept, countsOf(figures)]).getMetricsAsJSON());
  }

  /** Those of the living, the first deciding where one is enough, in Prometheus' text format. */
  async text(ofTheLiving: readonly Figures[]): Promise<string> {
    const kept = await this.ofTheGone;
    return AggregatorRegistry.aggregate([...ofTheLiving, kept]).metrics();
  }
}

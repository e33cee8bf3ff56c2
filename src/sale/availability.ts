import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { BatchedLookup } from './batched-lookup';
import type { Sale } from './sale';
import { SaleGate } from './sale-gate';
import { stockIdsOf, unitsOf } from './segments';

const keepMs = 200;
const patienceMs = 500;
const lastKnownAtMost = 10_000;

/**
 * How many units readers are told are left: at most 200 ms old, so that a crowd that reads costs
 * Redis next to nothing. While Redis, or the part that has the sale, is away or slow, the last number
 * that this process knew.
 */
@Injectable()
export class Availability {
  private readonly counts: BatchedLookup<number>;
  private readonly lastKnown = new Map<string, number>();

  constructor(private readonly gate: SaleGate) {
    this.counts = new BatchedLookup((saleIds) => this.read(saleIds), { keepMs });
  }

  /** Units left by sale id; left out where nothing is known. Never rejects. */
  async of(sales: readonly Sale[]): Promise<ReadonlyMap<string, number>> {
    // Drafts are not loaded: asking would remember that just when the preload changes it. Nor is a
    // retired sale, of which anybody may ask for years.
    const loaded = sales.filter(({ status, retiredAtMs }) =>
      status !== 'draft' && retiredAtMs === undefined);
    const counts = await this.counts.find(loaded.flatMap(stockIdsOf));
    return new Map(loaded.flatMap((sale): [string, number][] => {
      const units = unitsOf(sale, counts);
      return units === undefined ? [] : [[sale.id, units]];
    }));
  }

  private async read(saleIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const counts = await this.ask(saleIds);
    if (counts === undefined) return this.lastKnown;
    if (this.lastKnown.size > lastKnownAtMost) this.lastKnown.clear();
    const told = new Map<string, number>();
    for (const saleId of saleIds) {
      if (!counts.has(saleId)) this.lastKnown.delete(saleId);
      const count = counts.get(saleId) ?? this.lastKnown.get(saleId);
      if (count === undefined) continue;
      this.lastKnown.set(saleId, count);
      told.set(saleId, count);
    }
    return told;
  }

  /** Undefined when Redis does not answer in time. */
  private async ask(saleIds: readonly string[]) {
    const answered = new AbortController();
    try {
      return await Promise.race([
        this.gate.available(saleIds),
        sleep(patienceMs, undefined, { signal: answered.signal, ref: false }),
      ]);
    } catch {
      // The connection reports its own faults.
      return undefined;
    } finally {
      answered.abort();
    }
  }
}

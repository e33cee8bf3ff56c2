import { hash } from 'node:crypto';
import type { Sale } from './sale';

/** Of one sale. Each is a sale of its own to the stock, and costs every process a little. */
export const segmentsAtMost = 64;

const segmentId = /^(sale_[0-9a-z]{20})-\d{1,2}$/;

/** The ids under which the stock of a sale lies: its own, or those of its segments. */
export function stockIdsOf({ id, segments }: Pick<Sale, 'id' | 'segments'>): string[] {
  return segments === 1 ? [id] : Array.from({ length: segments }, (_, segment) => `${id}-${segment}`);
}

/** Where the units of this buyer are, always in the same segment: it keeps his limit. */
export function stockIdOf({ id, segments }: Pick<Sale, 'id' | 'segments'>, userId: string): string {
  if (segments === 1) return id;
  return `${id}-${hash('sha256', userId, 'buffer').readUInt32BE() % segments}`;
}

/** The sale that buyers and operators know, by the id of a segment or its own. */
export function offerOf(stockId: string): string {
  return segmentId.exec(stockId)?.[1] ?? stockId;
}

export function isSegment(stockId: string): boolean {
  return segmentId.test(stockId);
}

/** The units of a sale, from those of its stock by id. Undefined when a part is not known. */
export function unitsOf(sale: Pick<Sale, 'id' | 'segments'>,
  units: ReadonlyMap<string, number | undefined>): number | undefined {
  let sum = 0;
  for (const stockId of stockIdsOf(sale)) {
    const part = units.get(stockId);
    if (part === undefined) return undefined;
    sum += part;
  }
  return sum;
}

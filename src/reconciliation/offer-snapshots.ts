import { Injectable } from '@nestjs/common';
import { SaleCatalog, stockIdsOf } from '../sale';
import { SegmentLoans } from '../stock';
import { StockSnapshots, type StockSnapshot } from './stock-snapshots';

/** Both sides of a sale as operators know it. Of one in segments: their sums, and they themselves. */
export interface OfferSnapshot extends StockSnapshot {
  /** Units on their way from one segment to another: part of `total`, on sale nowhere. */
  lent?: number;
  segments?: StockSnapshot[];
}

@Injectable()
export class OfferSnapshots {
  constructor(
    private readonly snapshots: StockSnapshots,
    private readonly catalog: SaleCatalog,
    private readonly loans: SegmentLoans,
  ) {}

  /** Throws NOT_FOUND when there is no such sale; rejects when a side is away. */
  async of(saleId: string): Promise<OfferSnapshot> {
    const sale = await this.catalog.find(saleId);
    if (!sale || sale.segments === 1) return this.snapshots.of(saleId);
    const segments = await Promise.all(stockIdsOf(sale).map((id) => this.snapshots.of(id)));
    // Of a sale that is long over the ledger may lie in the archive, and nothing is lent.
    const { units: lent, loans } = sale.retiredAtMs === undefined ? await this.loans.underWay(sale)
      : { units: 0, loans: 0 };
    const isLentInOrder = lent === 0 || (lent > 0 && loans > 0);
    const sum = (figureOf: (segment: StockSnapshot) => number) =>
      segments.reduce((total, segment) => total + figureOf(segment), 0);
    return {
      saleId, total: sum(({ total }) => total) + lent,
      redis: { available: sum(({ redis }) => redis.available),
        reserved: sum(({ redis }) => redis.reserved), ordered: sum(({ redis }) => redis.ordered),
        sold: sum(({ redis }) => redis.sold) },
      database: { allocated: sum(({ database }) => database.allocated),
        pendingPayment: sum(({ database }) => database.pendingPayment),
        paid: sum(({ database }) => database.paid) },
      inFlight: sum(({ inFlight }) => inFlight), drift: sum(({ drift }) => drift),
      gate: gateOf(segments), loaded: segments.every(({ loaded }) => loaded),
      consistent: isLentInOrder && segments.every(({ consistent }) => consistent), lent, segments,
    };
  }
}

/** That of the segment which is furthest from its usual one. */
function gateOf(segments: readonly StockSnapshot[]): StockSnapshot['gate'] {
  const gates = new Set(segments.map(({ gate }) => gate));
  if (gates.has('closed')) return 'closed';
  return gates.has('database') ? 'database' : 'redis';
}

import { Injectable } from '@nestjs/common';
import type { Sale } from '../sale';
import { SegmentLoans, StockGate, type ReserveOutcome, type ReserveRequest } from '../stock';
import { AcknowledgedPurchases } from './acknowledged-purchases';
import type { DirectOutcome } from './direct-decision';
import { DirectOrders } from './direct-orders';

/** What came of holding units, by whichever side. */
export type HoldOutcome = Exclude<ReserveOutcome, { kind: 'in_database' }> | DirectOutcome;

/** Holds units of a sale where its gate is now: in Redis, or in the database. */
@Injectable()
export class UnitHolder {
  constructor(
    private readonly gate: StockGate,
    private readonly direct: DirectOrders,
    private readonly loans: SegmentLoans,
    private readonly acknowledged: AcknowledgedPurchases,
  ) {}

  /**
   * Exactly once per rid; of a sale in segments `sale` is that of the buyer, which others help out with
   * units. Throws TEMPORARILY_UNAVAILABLE when neither side can tell; the same request finds out.
   */
  async hold(sale: Sale, request: ReserveRequest): Promise<HoldOutcome> {
    const outcome = await this.holdOrBorrow(sale, request);
    this.acknowledged.remember(request, outcome);
    return outcome;
  }

  private holdOrBorrow(sale: Sale, request: ReserveRequest): Promise<HoldOutcome> {
    // Who may not have so many at all must not make units travel.
    const mayBorrow = sale.segmentOf !== undefined && request.quantity <= sale.limitPerUser;
    if (!mayBorrow) return this.ask(sale, request);
    return this.loans.whileSoldOut(sale.id, request.quantity, () => this.ask(sale, request),
      (outcome) => outcome.kind === 'refused' && outcome.reason === 'SOLD_OUT');
  }

  private async ask(sale: Sale, request: ReserveRequest): Promise<HoldOutcome> {
    const outcome = await this.gate.reserve(request);
    return outcome.kind === 'in_database' ? this.direct.place(sale, request, outcome.epoch) : outcome;
  }
}

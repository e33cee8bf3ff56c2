import { Injectable } from '@nestjs/common';
import { AcknowledgedPurchases, DirectOrders, isFinal, type DirectOutcome } from '../order';
import { fingerprint, SoldOutSales, StockGate, type ReserveOutcome } from '../stock';
import type { Admitted, Attempt } from './admission/attempt';

/** What came of holding the units, by whichever side. */
export type HoldOutcome = Exclude<ReserveOutcome, { kind: 'in_database' }> | DirectOutcome;

/** Holds the units of an admitted attempt: in Redis, or in the database where that is the gate. */
@Injectable()
export class Holding {
  constructor(
    private readonly gate: StockGate,
    private readonly soldOut: SoldOutSales,
    private readonly direct: DirectOrders,
    private readonly acknowledged: AcknowledgedPurchases,
  ) {}

  /** Throws TEMPORARILY_UNAVAILABLE when neither side can tell; the same request finds out. */
  async hold(attempt: Attempt, admitted: Admitted): Promise<HoldOutcome> {
    const { rid, sale, userId, quantity, traceId, ip, deviceId } = attempt;
    const { saleTokenId, captchaId, payWindowSeconds } = admitted;
    const request = { rid, saleId: sale.id, userId, quantity, traceId, ip,
      source: 'purchase', deviceId, saleTokenId, captchaId, payWindowSeconds };
    const outcome = await this.gate.reserve(request);
    if (outcome.kind === 'in_database') return this.direct.place(sale, request, outcome.epoch);
    if (outcome.kind === 'refused' && outcome.reason === 'SOLD_OUT' && outcome.available === 0) {
      this.soldOut.noteRefusal(sale.id);
    }
    // Also what the connection asked for twice, or the buyer: he hears of it now.
    const isPromised = outcome.kind === 'held'
      || (outcome.kind === 'replayed' && outcome.status === 'reserved');
    if (isPromised) {
      const { seq, epoch, reservedAtMs } = outcome;
      this.acknowledged.remember(sale.id, { rid, userId, quantity, traceId, ip, deviceId, seq, epoch,
        reservedAtMs, fingerprint: fingerprint(quantity), payWindowSeconds });
    }
    return outcome;
  }
}

/** Whether units were held just now. */
export function isNewHold(outcome: HoldOutcome): boolean {
  return outcome.kind === 'held' || (outcome.kind === 'written' && outcome.isNew);
}

/** Whether an order exists that may still come to something. */
export function isAlive(outcome: HoldOutcome): boolean {
  if (outcome.kind === 'written') return !isFinal(outcome.order.status);
  return outcome.kind === 'held' || (outcome.kind === 'replayed' && !isFinal(outcome.status));
}

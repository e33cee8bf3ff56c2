import { Injectable } from '@nestjs/common';
import { isFinal, UnitHolder, type HoldOutcome } from '../order';
import { SoldOutSales } from '../stock';
import type { Admitted, Attempt } from './admission/attempt';

/** Holds the units of an admitted attempt. */
@Injectable()
export class Holding {
  constructor(
    private readonly units: UnitHolder,
    private readonly soldOut: SoldOutSales,
  ) {}

  /** Throws TEMPORARILY_UNAVAILABLE when neither side can tell; the same request finds out. */
  async hold(attempt: Attempt, admitted: Admitted): Promise<HoldOutcome> {
    const { rid, stock, userId, quantity, traceId, ip, deviceId } = attempt;
    const { saleTokenId, captchaId, payWindowSeconds } = admitted;
    const request = { rid, saleId: stock.id, userId, quantity, traceId, ip,
      source: 'purchase', deviceId, saleTokenId, captchaId, payWindowSeconds };
    const outcome = await this.units.hold(stock, request);
    if (outcome.kind === 'refused' && outcome.reason === 'SOLD_OUT'
      && 'available' in outcome && outcome.available === 0) this.soldOut.noteRefusal(stock.id);
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

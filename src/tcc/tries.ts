import { Injectable } from '@nestjs/common';
import { assertUnreachable, ProblemError } from '../kernel';
import { OrderLife, OrderStore, UnitHolder, type Cause, type Order } from '../order';
import { refusal } from '../stock';
import { rowTimeoutMs, undecided, type Attempt } from './reservations';

/** Try: the same way to the units as a purchase, answered when the row is committed. */
@Injectable()
export class Tries {
  constructor(
    private readonly store: OrderStore,
    private readonly units: UnitHolder,
    private readonly life: OrderLife,
  ) {}

  /**
   * The reservation, exactly once per key; again, the same as it stands. Throws the refusals of the
   * sale, IDEMPOTENCY_KEY_REUSED, ORDER_STATE_CONFLICT when it has ended, or
   * TEMPORARILY_UNAVAILABLE, after which the same call finds out.
   */
  async place(attempt: Attempt, cause: Cause, timeLimitSeconds?: number): Promise<Order> {
    // The row first: after a cancel that came before it, a Try must not even hold units for a moment.
    const order = await this.store.find(attempt.rid, attempt.sale.id)
      ?? await this.hold(attempt, cause, timeLimitSeconds);
    if (order.quantity !== attempt.quantity) throw refusal('IDEMPOTENCY_KEY_REUSED', attempt.sale);
    switch (order.status) {
      case 'pending_payment': case 'paid': return order;
      case 'rejected': throw whyRejected(order, attempt);
      case 'cancelled': case 'expired': case 'frozen': case 'refunded':
        throw new ProblemError('ORDER_STATE_CONFLICT', `This reservation is ${order.status}. `
          + 'Try again with a new Idempotency-Key.');
      default: return assertUnreachable(order.status);
    }
  }

  private async hold({ sale, rid, userId, quantity }: Attempt, cause: Cause,
    payWindowSeconds?: number): Promise<Order> {
    if (sale.retiredAtMs !== undefined) throw refusal('SALE_CLOSED', sale);
    const request = { rid, saleId: sale.id, userId, quantity, payWindowSeconds, ...cause };
    const outcome = await this.units.hold(sale, request);
    switch (outcome.kind) {
      case 'refused': throw refusal(outcome.reason, sale);
      case 'not_loaded': throw undecided();
      case 'written': return outcome.order;
      case 'held': case 'replayed': {
        const order = await this.life.waitForRow(sale.id, rid, rowTimeoutMs);
        if (!order) throw undecided();
        return order;
      }
      default: return assertUnreachable(outcome);
    }
  }
}

/** Redis had the units, the database, which decides, had not. */
function whyRejected({ reason }: Order, { sale }: Attempt): ProblemError {
  if (reason === 'SOLD_OUT' || reason === 'LIMIT_EXCEEDED') return refusal(reason, sale);
  return new ProblemError('ORDER_STATE_CONFLICT',
    'This reservation could not be kept. Try again with a new Idempotency-Key.');
}

import { Injectable } from '@nestjs/common';
import { assertUnreachable, ProblemError } from '../kernel';
import { OrderCancellation, OrderLife, OrderStore, toOutboxEntry, type Cause, type KnownOrder,
  type Order } from '../order';
import { refusal } from '../stock';
import { rowTimeoutMs, undecided, type Attempt } from './reservations';

/**
 * Confirm and cancel. The row decides between them and the time limit, as between a payment, a
 * cancel and the expiry of an order; each may be repeated.
 */
@Injectable()
export class Decisions {
  constructor(
    private readonly store: OrderStore,
    private readonly life: OrderLife,
    private readonly cancellation: OrderCancellation,
  ) {}

  /**
   * The units are the user's for good; what he pays is the shop's business. Throws PAYMENT_TOO_LATE,
   * ORDER_STATE_CONFLICT, or TEMPORARILY_UNAVAILABLE while the Try has not ended.
   */
  async confirm(known: KnownOrder): Promise<Order> {
    const [saleId, rid] = known.kind === 'row' ? [known.order.saleId, known.order.id]
      : [known.sale.id, known.reservation.rid];
    if (known.kind === 'reservation' && !await this.life.waitForRow(saleId, rid, rowTimeoutMs)) {
      throw undecided();
    }
    await this.life.pay(rid);
    const order = await this.store.find(rid, saleId);
    if (order?.status === 'paid') return order;
    if (order?.status === 'expired') {
      throw new ProblemError('PAYMENT_TOO_LATE',
        'The time limit of the reservation is over; its units are back on sale.');
    }
    throw conflict(order, 'confirmed');
  }

  /**
   * Gives the units back; what has ended without holding any stays as it ended. Throws
   * ORDER_STATE_CONFLICT when it was confirmed.
   */
  async cancel(known: KnownOrder, cause: Cause): Promise<Order> {
    const order = known.kind === 'row' ? known.order : await this.cancellation.endUnwritten(
      known.sale, toOutboxEntry(known.reservation), 'CANCELLED_BY_SERVICE');
    return outcomeOf(await this.cancellation.end(order, cause));
  }

  /**
   * The same for a Try that may have arrived, is on its way, or never comes: whatever of it comes
   * later finds the row that says so, and holds nothing.
   */
  async cancelAttempt({ sale, rid, userId, quantity }: Attempt, cause: Cause): Promise<Order> {
    const order = await this.store.find(rid, sale.id);
    if (order && order.quantity !== quantity) throw refusal('IDEMPOTENCY_KEY_REUSED', sale);
    return outcomeOf(order ? await this.cancellation.end(order, cause)
      : await this.cancellation.endAttempt(sale, { rid, userId, quantity }, cause));
  }
}

/** What a cancelled reservation came to. Throws ORDER_STATE_CONFLICT, or TEMPORARILY_UNAVAILABLE. */
function outcomeOf(ended: Order): Order {
  switch (ended.status) {
    case 'cancelled': case 'expired': case 'rejected': return ended;
    case 'paid': case 'refunded': throw conflict(ended, 'cancelled');
    // A reviewer has thawed or frozen it at this moment.
    case 'pending_payment': case 'frozen': throw undecided();
    default: return assertUnreachable(ended.status);
  }
}

function conflict(order: Order | undefined, wish: 'confirmed' | 'cancelled'): ProblemError {
  const detail = order?.status === 'paid' ? 'confirmed' : order?.status ?? 'gone';
  return new ProblemError('ORDER_STATE_CONFLICT',
    `The reservation is ${detail} and cannot be ${wish} any more.`);
}

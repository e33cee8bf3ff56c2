import { Injectable } from '@nestjs/common';
import type { Identity } from '../auth';
import { ServerClock } from '../infra/redis';
import { assertUnreachable, ProblemError, TemporarilyUnavailable } from '../kernel';
import { isOfService, OrderLife, OrderLookup, type Cause, type Order } from '../order';
import { orderFrozen, type Payment } from './payment';
import { PaymentChanges } from './payment-changes';
import { PaymentGateway } from './payment-gateway';
import { PaymentStore } from './payment-store';

/** A reservation's row is usually there within this time. */
const rowTimeoutMs = 2_000;

/** Starts the one payment of an order; asked again, also after a crash, it is the same payment. */
@Injectable()
export class PaymentStarter {
  constructor(
    private readonly lookup: OrderLookup,
    private readonly life: OrderLife,
    private readonly store: PaymentStore,
    private readonly changes: PaymentChanges,
    private readonly gateway: PaymentGateway,
    private readonly clock: ServerClock,
  ) {}

  /**
   * The payment of the caller's order, confirmed by the gateway. Throws NOT_FOUND,
   * ORDER_STATE_CONFLICT, PAYMENT_TOO_LATE, or TEMPORARILY_UNAVAILABLE without the gateway.
   */
  async start(orderId: string, identity: Identity, cause: Cause): Promise<Payment> {
    const order = await this.ownOrder(orderId, identity);
    const existing = await this.store.ofOrder(order.id);
    const isPaid = order.status === 'paid' || order.status === 'refunded';
    if (existing && isPaid) return existing;
    this.refuseUnlessPayable(order);
    let payment = await this.payable(order, existing, cause);
    if (payment.status === 'failed') {
      await this.changes.make(payment, 'started', cause);
      payment = await this.store.find(payment.id) ?? payment;
    }
    const isConfirmed = payment.status !== 'started' || payment.checkoutUrl !== undefined;
    return isConfirmed ? payment : this.confirm(payment);
  }

  /** A thawed order has more time, and may need another payment than the one that went back. */
  private async payable(order: Order, existing: Payment | undefined,
    cause: Cause): Promise<Payment> {
    const hasGoneBack = existing?.status === 'refunded' && existing.reason === orderFrozen;
    if (!existing || hasGoneBack) return this.store.create(order, cause.traceId, existing?.id);
    if (existing.payBefore < order.expiresAt) {
      await this.store.prolong(order.id, order.expiresAt);
    }
    return existing;
  }

  private async ownOrder(orderId: string, identity: Identity): Promise<Order> {
    const known = await this.lookup.known(orderId, identity);
    const { userId } = known.kind === 'row' ? known.order : known.reservation;
    // An admin may look at an order, but nobody pays it for somebody else.
    if (userId !== identity.userId) throw new ProblemError('NOT_FOUND', 'There is no such order.');
    const order = known.kind === 'row' ? known.order
      : await this.life.waitForRow(known.sale.id, orderId, rowTimeoutMs);
    if (order) return order;
    throw new ProblemError('ORDER_STATE_CONFLICT',
      'The order is still being written. Ask again in a moment.',
      { headers: { 'Retry-After': '1' } });
  }

  private refuseUnlessPayable({ id, status, expiresAt }: Order): void {
    if (isOfService(id)) {
      throw new ProblemError('ORDER_STATE_CONFLICT',
        'A shop has reserved this order for its buyer: pay it there.');
    }
    switch (status) {
      case 'pending_payment':
        if (expiresAt.getTime() > this.clock.now()) return;
        throw tooLate();
      case 'expired': throw tooLate();
      case 'frozen': throw new ProblemError('ORDER_STATE_CONFLICT',
        'The order is under review and cannot be paid now. It is decided soon: look again later.');
      case 'paid': case 'cancelled': case 'rejected': case 'refunded':
        throw new ProblemError('ORDER_STATE_CONFLICT',
          `The order is ${status} and cannot be paid.`);
      default: assertUnreachable(status);
    }
  }

  private async confirm(payment: Payment): Promise<Payment> {
    try {
      const { reference, checkoutUrl } = await this.gateway.start(payment);
      await this.store.recordStart(payment.id, reference, checkoutUrl);
      return { ...payment, reference, checkoutUrl };
    } catch (error) {
      throw new TemporarilyUnavailable(
        'The payment could not be started. Ask again, it will be the same payment.',
        { cause: error });
    }
  }
}

function tooLate(): ProblemError {
  return new ProblemError('PAYMENT_TOO_LATE',
    'The time to pay is over; the units go back on sale.');
}

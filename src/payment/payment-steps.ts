import { Injectable, Logger } from '@nestjs/common';
import { assertUnreachable } from '../kernel';
import { OrderLife, OrderResale, OrderStore, type Cause, type Order } from '../order';
import { orderFrozen, type Payment } from './payment';
import { PaymentChanges } from './payment-changes';
import { PaymentGateway } from './payment-gateway';
import { PaymentStore } from './payment-store';

/** So long one step waits for the row of a replacement; after that the schedule comes back. */
const rowTimeoutMs = 2_000;

/**
 * What we owe once a gateway has told us something. Every step can be repeated and can be run by
 * two at once: its effect on orders, units and the gateway happens once, and the old status stands
 * in the WHERE of the change that ends it. A crash anywhere leaves a payment that `next_check_at`
 * brings back here.
 */
@Injectable()
export class PaymentSteps {
  private readonly logger = new Logger('Payment');

  constructor(
    private readonly store: PaymentStore,
    private readonly changes: PaymentChanges,
    private readonly gateway: PaymentGateway,
    private readonly orders: OrderStore,
    private readonly life: OrderLife,
    private readonly resale: OrderResale,
  ) {}

  /** Goes on until nothing is owed, or until it has to wait. Resolves to the payment as it is. */
  async advance(id: string, cause: Cause): Promise<Payment> {
    for (;;) {
      const payment = await this.store.find(id);
      if (!payment) throw new Error(`The payment ${id} is not there`);
      if (!await this.step(payment, cause)) return payment;
    }
  }

  /** The same where what is known is safe already: a fault is left to the schedule. */
  async tryAdvance(id: string, cause: Cause): Promise<void> {
    try {
      await this.advance(id, cause);
    } catch (error) {
      this.logger.warn({ msg: 'payment not finished, the schedule will', paymentId: id, err: error,
        ...cause });
    }
  }

  /** True when it is worth looking again: this call, or another one, has changed the payment. */
  private async step(payment: Payment, cause: Cause): Promise<boolean> {
    switch (payment.status) {
      case 'received': return this.payOrder(payment, cause);
      case 'late': return this.payReplacement(payment, cause);
      case 'refunding': return this.refund(payment, cause);
      case 'started': case 'failed': case 'succeeded': case 'applied': case 'refunded':
        return false;
      default: return assertUnreachable(payment.status);
    }
  }

  private async payOrder(payment: Payment, cause: Cause): Promise<boolean> {
    const outcome = await this.life.pay(payment.orderId, payment);
    switch (outcome.kind) {
      case 'paid': case 'already_paid': await this.changes.make(payment, 'succeeded', cause); break;
      case 'too_late': await this.beLate(payment, outcome.order, cause); break;
      case 'unknown': throw new Error(`The order ${payment.orderId} of a payment is not there`);
      default: assertUnreachable(outcome);
    }
    return true;
  }

  private async beLate(payment: Payment, order: Order, cause: Cause): Promise<void> {
    // Whoever froze an order does not want its buyer to have the units by another way. A row that was
    // cancelled for a reason was frozen before.
    if (order.status === 'frozen') {
      await this.changes.make(payment, 'refunding', cause, { reason: orderFrozen });
    } else if (order.status === 'cancelled' && order.reason !== undefined) {
      await this.changes.make(payment, 'refunding', cause, { reason: order.reason });
    } else {
      await this.changes.make(payment, 'late', cause);
    }
  }

  /** Takes units again under an id that the payment decides, and pays that order. */
  private async payReplacement(payment: Payment, cause: Cause): Promise<boolean> {
    if (payment.replacementOrderId !== undefined) {
      if (await this.applyTo(payment, payment.replacementOrderId, cause)) return true;
      // No row: it is on its way, or Redis lost it. Asking for the units again tells which.
    }
    const order = await this.orderOf(payment);
    const outcome = await this.resale.resell(order, `late:${payment.id}`, cause);
    if (outcome.kind === 'refused') {
      await this.changes.make(payment, 'refunding', cause, { reason: outcome.reason });
      return true;
    }
    if (!await this.store.claimReplacement(payment.id, outcome.rid)) {
      // Somebody else went on with this payment, or the buyer is paying that order by himself.
      await this.changes.make(payment, 'refunding', cause, { reason: 'PAID_OTHERWISE' });
      return true;
    }
    await this.life.waitForRow(order.saleId, outcome.rid, rowTimeoutMs);
    return this.applyTo(payment, outcome.rid, cause);
  }

  /** False when the replacement has no row yet. */
  private async applyTo(payment: Payment, orderId: string, cause: Cause): Promise<boolean> {
    const outcome = await this.life.pay(orderId, payment);
    const claimed = { ...payment, replacementOrderId: orderId };
    switch (outcome.kind) {
      case 'unknown': return false;
      case 'paid': case 'already_paid': await this.changes.make(claimed, 'applied', cause); break;
      case 'too_late': await this.changes.make(claimed, 'refunding', cause,
        { reason: reasonOf(outcome.order) }); break;
      default: assertUnreachable(outcome);
    }
    return true;
  }

  /** Sends the money back once, and gives back what it had paid for. */
  private async refund(payment: Payment, cause: Cause): Promise<boolean> {
    const { id, orderId, replacementOrderId, reason } = payment;
    const rids = replacementOrderId === undefined ? [orderId] : [orderId, replacementOrderId];
    // First of all: somebody may still be about to pay one of them with this money.
    for (const rid of rids) await this.life.voidPayment(rid, payment);
    // One that was frozen has given its units back, and is its buyer's to pay anew when it is thawed.
    if (replacementOrderId !== undefined && reason !== orderFrozen) {
      await this.resale.withdraw(await this.orderOf(payment), replacementOrderId, cause);
    }
    const reference = payment.reference ?? (await this.gateway.start(payment)).reference;
    const { status } = await this.gateway.query(reference);
    if (status !== 'refunded') {
      await this.gateway.refund(reference, id, payment.amount);
    }
    for (const rid of rids) {
      // An order that this money has not paid answers `conflict`, which is right. Rows from before
      // migration 15 do not say what has paid them.
      if ((await this.store.ofOrder(rid))?.id === id) await this.life.refund(rid, cause, payment);
    }
    await this.changes.make(payment, 'refunded', cause);
    return true;
  }

  private async orderOf({ orderId }: Payment): Promise<Order> {
    const order = await this.orders.find(orderId);
    if (!order) throw new Error(`The order ${orderId} of a payment is not there`);
    return order;
  }
}

/** Why money comes too late for an order. */
function reasonOf({ status, reason }: Order): string {
  return status === 'frozen' ? orderFrozen : reason ?? status.toUpperCase();
}

import type { OrderStatus } from '../../../src/stock';
import { holdsUnits } from '../../support/books';

export const limitPerUser = 3;

/** What is expected of one purchase that was accepted. */
export interface ModelOrder {
  key: string;
  userId: string;
  quantity: number;
  status: OrderStatus;
  /** Redis was told of the row. */
  isConfirmed: boolean;
  /** Its time to pay, or its lease while there is no row, is over. */
  isOverdue: boolean;
  /** It is frozen, and a thaw that broke off has its units in Redis. */
  isRetaken: boolean;
}

/** A sale as simply as it can be said: who holds what, and how many units there are. */
export class SaleModel {
  readonly orders: ModelOrder[] = [];
  readonly adjustments: { key: string; delta: number; isApplied: boolean }[] = [];

  constructor(public total: number) {}

  get available(): number {
    return this.total - this.heldBy(this.orders);
  }

  /** Undefined when the purchase is accepted. */
  refusal(userId: string, quantity: number): 'SOLD_OUT' | 'LIMIT_EXCEEDED' | undefined {
    if (quantity > this.available) return 'SOLD_OUT';
    const own = this.orders.filter((order) => order.userId === userId);
    return this.heldBy(own) + quantity > limitPerUser ? 'LIMIT_EXCEEDED' : undefined;
  }

  /** The order at this place, going round; commands name orders by any number. */
  at(index: number): ModelOrder {
    const order = this.orders[index % this.orders.length];
    if (!order) throw new Error('A command needs an order');
    return order;
  }

  /** The rows of these orders are committed, and Redis is told so or not. */
  write(orders: readonly ModelOrder[], isConfirmed: boolean): void {
    for (const order of orders) {
      if (order.status === 'reserved') {
        order.status = 'pending_payment';
        order.isOverdue = false;
      }
      order.isConfirmed ||= isConfirmed;
    }
  }

  /** Ends what is overdue and has a row. */
  expire(orders: readonly ModelOrder[]): void {
    for (const order of orders) {
      if (order.status !== 'pending_payment' || !order.isOverdue) continue;
      order.status = 'expired';
      order.isConfirmed = true;
    }
  }

  /** Takes the units away from what waits for payment. */
  freeze(userId: string): void {
    for (const order of this.orders) {
      if (order.userId !== userId || order.status !== 'pending_payment') continue;
      order.status = 'frozen';
      order.isConfirmed = true;
    }
  }

  /** The leases of thaws that broke off are over, and somebody looked. */
  endThaws(orders: readonly ModelOrder[]): void {
    for (const order of orders) order.isRetaken = false;
  }

  private heldBy(orders: readonly ModelOrder[]): number {
    return orders.filter(({ status, isRetaken }) => holdsUnits(status) || isRetaken)
      .reduce((sum, { quantity }) => sum + quantity, 0);
  }
}

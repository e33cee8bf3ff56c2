import type { OrderStatus } from '../stock';

/** The order's state machine: from each status, where it may go. Anything else is refused in SQL. */
export const transitions = {
  reserved: ['pending_payment', 'cancelled', 'rejected'],
  pending_payment: ['paid', 'cancelled', 'expired', 'frozen'],
  frozen: ['pending_payment', 'cancelled'],
  paid: ['refunded'],
  cancelled: [],
  expired: [],
  rejected: [],
  refunded: [],
} as const satisfies Record<OrderStatus, readonly OrderStatus[]>;

/** Statuses that never give way to another, or only to a refund: a buyer need not wait on. */
export function isFinal(status: OrderStatus): boolean {
  return status !== 'reserved' && status !== 'pending_payment' && status !== 'frozen';
}

/** The statuses that may become this one. */
export function sourcesOf(target: OrderStatus): OrderStatus[] {
  return (Object.keys(transitions) as OrderStatus[]).filter((status) =>
    (transitions[status] as readonly OrderStatus[]).includes(target));
}

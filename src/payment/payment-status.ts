export type PaymentStatus = 'started' | 'failed' | 'received' | 'succeeded' | 'late' | 'applied'
  | 'refunding' | 'refunded';

/**
 * The payment's state machine: from each status, where it may go. Anything else is refused in SQL.
 *
 * received: the gateway has the money, the order does not know yet · succeeded: the order is paid ·
 * late: the order's units had gone back · applied: another order took units again and is paid ·
 * refunding: the money must go back.
 */
export const transitions = {
  started: ['failed', 'received', 'refunding'],
  failed: ['started', 'received', 'refunding'],
  received: ['succeeded', 'late', 'refunding'],
  succeeded: ['refunding'],
  late: ['applied', 'refunding'],
  applied: ['refunding'],
  refunding: ['refunded'],
  refunded: [],
} as const satisfies Record<PaymentStatus, readonly PaymentStatus[]>;

export function mayBecome(from: PaymentStatus, to: PaymentStatus): boolean {
  return (transitions[from] as readonly PaymentStatus[]).includes(to);
}

/**
 * Seconds until the schedule looks at a payment that has just become this; null: not by itself.
 * For what is unfinished it is the head start of whoever made the change and goes on at once.
 */
export const firstCheckSeconds = {
  started: 15,
  failed: 60,
  received: 30,
  late: 30,
  refunding: 30,
  succeeded: null,
  applied: null,
  refunded: null,
} as const satisfies Record<PaymentStatus, number | null>;

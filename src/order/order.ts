import type { OrderStatus } from '../stock';

/** A durable order, or the tombstone of a reservation that never became one. */
export interface Order {
  id: string;
  saleId: string;
  userId: string;
  quantity: number;
  /** Minor units of the currency. */
  amount: number;
  currency: string;
  status: Exclude<OrderStatus, 'reserved'>;
  /** Why it was rejected or closed; a name like SOLD_OUT. */
  reason?: string;
  fingerprint: string;
  seq: number;
  traceId: string;
  reservedAt: Date;
  createdAt: Date;
  /** Until when it can be paid, by the database's clock. */
  expiresAt: Date;
  paidAt?: Date;
  closedAt?: Date;
  /** What the buyer's client called itself. */
  deviceId?: string;
  /** How often it has taken its units: once, and once more for every time it was thawed. */
  holds: number;
  /** The payment that has paid it. */
  paymentId?: string;
  /** Payments that were made until then have gone back, and pay it no more. */
  paymentsVoidUntil?: Date;
}

/** Why a reservation could not become an order. */
export type RejectionReason = 'SOLD_OUT' | 'LIMIT_EXCEEDED' | 'EPOCH_PASSED' | 'NOT_PERSISTED';

/** Why a frozen order was cancelled, beside what a reviewer says. */
export type RefusedThaw = 'UNITS_GONE' | 'LIMIT_EXCEEDED';

/** The row as the database returns it. */
export interface OrderRow {
  rid: string;
  sale_id: string;
  user_id: string;
  quantity: number;
  amount: number;
  currency: string;
  status: Order['status'];
  reason: string | null;
  fingerprint: string;
  seq: number;
  trace_id: string;
  reserved_at: Date;
  created_at: Date;
  expires_at: Date;
  paid_at: Date | null;
  closed_at: Date | null;
  device_id: string | null;
  holds: number;
  payment_id: string | null;
  payments_void_until: Date | null;
}

export const orderColumns = `rid, sale_id, user_id, quantity, amount, currency, status, reason,
  fingerprint, seq, trace_id, reserved_at, created_at, expires_at, paid_at, closed_at, device_id,
  holds, payment_id, payments_void_until`;

export function toOrder(row: OrderRow): Order {
  return {
    id: row.rid, saleId: row.sale_id, userId: row.user_id, quantity: row.quantity,
    amount: row.amount, currency: row.currency, status: row.status, fingerprint: row.fingerprint,
    seq: row.seq, traceId: row.trace_id, reservedAt: row.reserved_at, createdAt: row.created_at,
    expiresAt: row.expires_at, holds: row.holds,
    ...(row.reason !== null && { reason: row.reason }),
    ...(row.paid_at !== null && { paidAt: row.paid_at }),
    ...(row.closed_at !== null && { closedAt: row.closed_at }),
    ...(row.device_id !== null && { deviceId: row.device_id }),
    ...(row.payment_id !== null && { paymentId: row.payment_id }),
    ...(row.payments_void_until !== null && { paymentsVoidUntil: row.payments_void_until }),
  };
}

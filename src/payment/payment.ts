import type { PaymentStatus } from './payment-status';

/** Money for one order. What it is for never changes: order, amount and currency. */
export interface Payment {
  id: string;
  /** The order that it was started for. */
  orderId: string;
  /** The order that late money may pay instead. */
  replacementOrderId?: string;
  /** Minor units of the currency. */
  amount: number;
  currency: string;
  status: PaymentStatus;
  /** Why the money goes back; a name like SOLD_OUT. */
  reason?: string;
  /** The gateway's own id of it; undefined until the gateway has confirmed the first start. */
  reference?: string;
  /** Where the buyer pays; undefined until the gateway has confirmed the last start. */
  checkoutUrl?: string;
  /** Later than that of any payment whose place it has taken. */
  createdAt: Date;
  payBefore: Date;
  traceId: string;
  refundedAt?: Date;
}

/** Why money went back that came while its order was frozen: it has paid for nothing. */
export const orderFrozen = 'ORDER_FROZEN';

/** The row as the database returns it. */
export interface PaymentRow {
  id: string;
  order_rid: string;
  replacement_rid: string | null;
  amount: number;
  currency: string;
  status: PaymentStatus;
  reason: string | null;
  reference: string | null;
  checkout_url: string | null;
  created_at: Date;
  pay_before: Date;
  trace_id: string;
  refunded_at: Date | null;
}

export const paymentColumns = `id, order_rid, replacement_rid, amount, currency, status, reason,
  reference, checkout_url, created_at, pay_before, trace_id, refunded_at`;

export function toPayment(row: PaymentRow): Payment {
  return {
    id: row.id, orderId: row.order_rid, amount: row.amount, currency: row.currency,
    status: row.status, createdAt: row.created_at, payBefore: row.pay_before, traceId: row.trace_id,
    replacementOrderId: row.replacement_rid ?? undefined,
    reason: row.reason ?? undefined,
    reference: row.reference ?? undefined,
    checkoutUrl: row.checkout_url ?? undefined,
    refundedAt: row.refunded_at ?? undefined,
  };
}

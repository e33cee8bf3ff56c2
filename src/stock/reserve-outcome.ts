import type { OrderStatus } from './record';

/** Why units were not held although everything works. Names are those of the problem catalogue. */
export type RefusalReason = 'SOLD_OUT' | 'LIMIT_EXCEEDED' | 'SALE_NOT_OPEN' | 'SALE_CLOSED'
  | 'SALE_PAUSED' | 'IDEMPOTENCY_KEY_REUSED' | 'SALE_TOKEN_INVALID' | 'CAPTCHA_REQUIRED';

/** What one attempt to hold units came to. Quantities are units of the product. */
export type ReserveOutcome =
  | { kind: 'held'; rid: string; quantity: number; available: number; reservedAtMs: number;
    seq: number; epoch: number }
  | { kind: 'replayed'; rid: string; status: OrderStatus; quantity: number; reservedAtMs: number;
    seq: number; epoch: number }
  | { kind: 'refused'; rid: string; reason: RefusalReason; available: number }
  /** The database is the gate of this sale, under this epoch: ask there. */
  | { kind: 'in_database'; rid: string; epoch: number }
  /** Redis knows nothing of this sale: it was retired, or waits for its recovery. */
  | { kind: 'not_loaded'; rid: string };

export const refusalOfCode = new Map<number, RefusalReason>([
  [-1, 'SOLD_OUT'], [-2, 'LIMIT_EXCEEDED'], [-3, 'IDEMPOTENCY_KEY_REUSED'], [-4, 'SALE_NOT_OPEN'],
  [-5, 'SALE_CLOSED'], [-6, 'SALE_PAUSED'], [-10, 'SALE_TOKEN_INVALID'],
  [-11, 'CAPTCHA_REQUIRED'],
]);

import { z } from 'zod';
import { userIdPattern } from '../auth';
import type { KnownOrder } from '../order';
import { offerOf } from '../sale';
import type { OrderStatus } from '../stock';

export const tryBody = z.strictObject({
  userId: z.string().regex(userIdPattern)
    .meta({ description: "The shop's user; the sale's limit per user counts for him" }),
  quantity: z.int().min(1).max(1000).meta({ description: 'Units to reserve' }),
  timeLimitSeconds: z.int().min(1).max(604_800).optional().meta({
    description: 'How long it may be confirmed; the time to pay of the sale when not given' }),
}).meta({ id: 'TccTry', examples: [{ userId: 'alice', quantity: 1, timeLimitSeconds: 60 }] });

/** What each status of an order is to the service that reserved it. */
const statuses = {
  reserved: 'trying', pending_payment: 'tried', paid: 'confirmed', cancelled: 'cancelled',
  expired: 'expired', rejected: 'rejected', frozen: 'frozen', refunded: 'refunded',
} as const satisfies Record<OrderStatus, string>;

export const reservationView = z.object({
  id: z.string(),
  saleId: z.string(),
  userId: z.string(),
  quantity: z.int(),
  status: z.enum(Object.values(statuses)),
  reason: z.string().optional().meta({ description: 'Why it was rejected or cancelled' }),
  expiresAt: z.iso.datetime().optional()
    .meta({ description: 'While it is tried: until when it may be confirmed' }),
}).meta({ id: 'TccReservation', examples: [{
  id: 'k31x9q0r5m2n8p4t6v7w9y1z3a5b7c9d_h2j4k6m8n0p2q4r6s8t0v2w4',
  saleId: 'sale_0a1b2c3d4e5f6g7h8j9k', userId: 'alice', quantity: 1, status: 'tried',
  expiresAt: '2026-11-21T08:01:00.034Z' }] });

export type ReservationView = z.infer<typeof reservationView>;

export function viewOf(known: KnownOrder): ReservationView {
  if (known.kind === 'reservation') {
    const { sale, reservation: { rid: id, userId, quantity, status } } = known;
    return { id, saleId: offerOf(sale.id), userId, quantity, status: statuses[status] };
  }
  const { id, saleId, userId, quantity, status, reason, expiresAt } = known.order;
  return {
    id, saleId: offerOf(saleId), userId, quantity, status: statuses[status],
    ...(reason !== undefined && { reason }),
    ...(status === 'pending_payment' && { expiresAt: expiresAt.toISOString() }),
  };
}

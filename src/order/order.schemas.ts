import { z } from 'zod';
import { cursorParameter, pageSchema } from '../infra/http';

export const money = z.object({
  amount: z.int().meta({ description: 'Minor units, such as cents' }),
  currency: z.string().meta({ description: 'ISO 4217' }),
}).meta({ id: 'Money', examples: [{ amount: 9900, currency: 'CNY' }] });

export const orderStatus = z.enum(['reserved', 'pending_payment', 'paid', 'cancelled', 'expired',
  'frozen', 'rejected', 'refunded']).meta({ id: 'OrderStatus' });

export const order = z.object({
  id: z.string(),
  saleId: z.string(),
  userId: z.string(),
  quantity: z.int(),
  amount: money,
  status: orderStatus,
  reason: z.string().optional().meta({ description: 'Why it was rejected or closed' }),
  createdAt: z.iso.datetime(),
  payBefore: z.iso.datetime().optional().meta({ description: 'While it waits for payment' }),
  paidAt: z.iso.datetime().optional(),
  closedAt: z.iso.datetime().optional(),
}).meta({ id: 'Order', examples: [{ id: 'k31x9q0r5m2n8p4t6v7w9y1z3a5b7c9d',
  saleId: 'sale_0a1b2c3d4e5f6g7h8j9k', userId: 'alice', quantity: 1,
  amount: { amount: 9900, currency: 'CNY' }, status: 'pending_payment',
  createdAt: '2026-11-21T08:00:00.012Z', payBefore: '2026-11-21T08:15:00.034Z' }] });

export const orderPage = pageSchema(order).meta({ id: 'OrderPage' });

export const orderListQuery = z.strictObject({ cursor: cursorParameter });

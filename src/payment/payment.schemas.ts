import { z } from 'zod';
import { idPattern } from '../kernel';
import { moneySchema } from '../order';
import type { Payment } from './payment';
import { transitions, type PaymentStatus } from './payment-status';

const statuses = Object.keys(transitions) as [PaymentStatus, ...PaymentStatus[]];

const example = {
  paymentId: 'payment_0a1b2c3d4e5f6g7h8j9k', orderId: 'k31x9q0r5m2n8p4t6v7w9y1z3a5b7c9d',
  checkoutUrl: 'https://pay.example/checkout/0a1b2c3d', amount: { amount: 9900, currency: 'CNY' },
  status: 'started' as const,
};

export const paymentView = z.object({
  paymentId: z.string(),
  orderId: z.string().meta({ description: 'The order that it was started for' }),
  checkoutUrl: z.string().optional().meta({ description: 'Where the buyer pays' }),
  amount: moneySchema,
  status: z.enum(statuses).meta({
    description: '`started` and `failed` can still be paid · `received`: the order is about to be '
      + 'told · `succeeded`: the order is paid · `late`: the units had gone back, others are being '
      + 'taken · `applied`: `replacementOrderId` is paid instead · `refunding`, `refunded`: the '
      + 'money goes, or went, back',
  }),
  replacementOrderId: z.string().optional()
    .meta({ description: 'The order that late money is for' }),
  reason: z.string().optional().meta({ description: 'Why the money goes back, such as SOLD_OUT' }),
  refundedAt: z.iso.datetime().optional(),
}).meta({ id: 'Payment', examples: [example] });

export function viewOf(payment: Payment): z.infer<typeof paymentView> {
  const { id, amount, currency, orderId, checkoutUrl, status, replacementOrderId, reason,
    refundedAt } = payment;
  return { paymentId: id, orderId, checkoutUrl, amount: { amount, currency }, status,
    replacementOrderId, reason, refundedAt: refundedAt?.toISOString() };
}

export const webhookTypes = ['payment.succeeded', 'payment.failed', 'refund.succeeded'] as const;

/** What a provider sends; an id that is none of ours is unknown, not malformed. */
export const webhookBody = z.strictObject({
  type: z.enum(webhookTypes),
  timestamp: z.string().max(64).optional().meta({ description: 'When it happened; not used' }),
  data: z.strictObject({
    orderId: z.string().regex(idPattern),
    paymentId: z.string().regex(idPattern),
    amount: z.int().min(0),
    currency: z.string().regex(/^[A-Z]{3}$/),
  }),
}).meta({ id: 'PaymentWebhook', examples: [{ type: 'payment.succeeded', data: {
  orderId: example.orderId, paymentId: example.paymentId, amount: 9900, currency: 'CNY' } }] });

export const webhookAnswer = z.object({
  duplicate: z.boolean().meta({ description: 'This webhook-id was processed before' }),
}).meta({ id: 'PaymentWebhookAnswer', examples: [{ duplicate: false }] });

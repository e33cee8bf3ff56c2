import { z } from 'zod';
import { protection } from './protection';
import { redisOutages, stateOf, stockStrategies, type Sale } from './sale';

const id = z.string();
const timestamp = z.iso.datetime({ precision: 3 });

export const productView = z.object({
  id,
  name: z.string(),
  description: z.string().optional(),
  imageUrl: z.url().optional(),
});

const states = ['scheduled', 'open', 'sold_out', 'paused', 'closed'] as const;

const saleFields = z.object({
  id,
  product: productView,
  price: z.object({
    amount: z.int().min(0).meta({ description: 'Of one unit, in minor units of the currency' }),
    currency: z.string().meta({ description: 'ISO 4217' }),
  }),
  limitPerUser: z.int().min(1),
  opensAt: timestamp,
  closesAt: timestamp,
  payWindowSeconds: z.int().min(1).meta({ description: 'Time to pay once an order is placed' }),
  state: z.enum(states),
  available: z.int().min(0).optional().meta({
    description: 'Units left, at most 200 ms old. While the stock cannot be reached the last '
      + 'number known stands; left out where none is known.',
  }),
});

const sample = {
  id: 'sale_0a1b2c3d4e5f6g7h8j9k',
  product: { id: 'product_0a1b2c3d4e5f6g7h8j9k', name: 'Fountain pen' },
  price: { amount: 9900, currency: 'EUR' },
  limitPerUser: 2,
  opensAt: '2026-01-31T10:00:00.000Z',
  closesAt: '2026-01-31T11:00:00.000Z',
  payWindowSeconds: 900,
  state: 'open',
  available: 17,
};

/** A sale as buyers see it. */
export const saleView = saleFields.extend({
  needsSaleToken: z.boolean().meta({ description: 'Get a token before the opening: '
    + 'POST /v1/sales/{saleId}/tokens' }),
}).meta({ id: 'Sale', examples: [{ ...sample, needsSaleToken: false }] });
export type SaleView = z.infer<typeof saleView>;

export const saleList = z.object({ items: z.array(saleView) }).meta({ id: 'SaleList' });

/** A sale as operators see it: drafts and retired ones, too. */
export const operatorSaleView = saleFields.extend({
  state: z.enum(['draft', ...states]),
  protection,
  strategy: z.enum(stockStrategies),
  redisOutage: z.enum(redisOutages),
  segments: z.int().min(1),
  createdAt: timestamp,
  retiredAt: timestamp.optional()
    .meta({ description: 'Since then nothing of the sale is in flight' }),
}).meta({
  id: 'OperatorSale',
  examples: [{ ...sample, protection: {}, strategy: 'lua', redisOutage: 'pause', segments: 1,
    createdAt: '2026-01-30T09:00:00.000Z' }],
});
export type OperatorSaleView = z.infer<typeof operatorSaleView>;

/** Undefined for a draft, which buyers do not see. `available`: undefined when not known. */
export function viewForBuyers(
  sale: Sale, nowMs: number, available: number | undefined,
): SaleView | undefined {
  const state = stateOf(sale, nowMs, available);
  if (state === 'draft') return undefined;
  return { ...viewFields(sale, available), state,
    needsSaleToken: sale.protection.saleToken === true };
}

export function viewForOperators(
  sale: Sale, nowMs: number, available: number | undefined,
): OperatorSaleView {
  return {
    ...viewFields(sale, available),
    state: stateOf(sale, nowMs, available),
    protection: sale.protection,
    strategy: sale.strategy,
    redisOutage: sale.redisOutage,
    segments: sale.segments,
    createdAt: toIso(sale.createdAtMs),
    ...(sale.retiredAtMs !== undefined && { retiredAt: toIso(sale.retiredAtMs) }),
  };
}

function viewFields(sale: Sale,
  available: number | undefined): Omit<SaleView, 'state' | 'needsSaleToken'> {
  return {
    id: sale.id,
    product: sale.product,
    price: sale.price,
    limitPerUser: sale.limitPerUser,
    opensAt: toIso(sale.opensAtMs),
    closesAt: toIso(sale.closesAtMs),
    payWindowSeconds: sale.payWindowSeconds,
    ...(available !== undefined && { available }),
  };
}

export function toIso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

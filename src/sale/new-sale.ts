import { z } from 'zod';
import { idPattern } from '../kernel';
import { protection } from './protection';
import { redisOutages, stockStrategies, unitsAtMost } from './sale';
import { segmentsAtMost } from './segments';

/** Far beyond every sale, and within what the database can hold. */
const earliestMs = Date.UTC(2000, 0);
const latestMs = Date.UTC(2100, 0);

/** A moment with its offset to UTC, read as milliseconds since 1970. */
const moment = z.iso.datetime({ offset: true, abort: true })
  .transform((text) => Date.parse(text))
  .refine((timeMs) => timeMs >= earliestMs && timeMs < latestMs, 'From the year 2000 to 2099');

/** The body of `POST /admin/v1/sales`. */
export const newSaleBody = z.strictObject({
  productId: z.string().regex(idPattern),
  stock: z.int().min(1).max(unitsAtMost('lua'), { abort: true }).meta({ description: 'Units on sale' }),
  price: z.strictObject({
    amount: z.int().min(0).max(10 ** 12)
      .meta({ description: 'Of one unit, in minor units of the currency' }),
    currency: z.string().regex(/^[A-Z]{3}$/).meta({ description: 'ISO 4217' }),
  }),
  limitPerUser: z.int().min(1).max(1000),
  opensAt: moment,
  closesAt: moment.meta({ description: 'From then on nothing can be bought' }),
  payWindowSeconds: z.int().min(1).max(604_800).optional()
    .meta({ description: 'Time to pay once an order is placed; without it PAY_WINDOW_SECONDS' }),
  protection: protection.default({}),
  strategy: z.enum(stockStrategies).default('lua').meta({
    description: 'How units are given away. lua keeps a rush away from the database; the others are for '
      + 'comparison and special needs' }),
  redisOutage: z.enum(redisOutages).default('pause').meta({
    description: 'While Redis is gone: pause selling, or go on slowly in the database' }),
  segments: z.int().min(1).max(segmentsAtMost).default(1).meta({
    description: 'Parts of the stock, for a sale that is too much for one core of Redis: they lie in '
      + 'different slots of a Redis Cluster, and lend each other units' }),
}).refine(({ opensAt, closesAt }) => closesAt > opensAt, {
  path: ['closesAt'], message: 'A sale must close after it opens',
}).refine(({ stock, strategy }) => stock <= unitsAtMost(strategy), {
  path: ['stock'], message: 'At most 1000000 units with the strategy tokens or database-unit-rows',
}).refine(({ segments, strategy }) => segments === 1 || strategy === 'lua', {
  path: ['segments'], message: 'Only a sale with the strategy lua can be in segments',
}).refine(({ segments, stock }) => segments === 1 || segments <= stock, {
  path: ['segments'], message: 'Not more segments than units',
}).meta({
  id: 'NewSale',
  examples: [{
    productId: 'product_0a1b2c3d4e5f6g7h8j9k', stock: 100, limitPerUser: 2,
    price: { amount: 9900, currency: 'EUR' },
    opensAt: '2026-01-31T10:00:00Z', closesAt: '2026-01-31T12:00:00+01:00',
  }],
});

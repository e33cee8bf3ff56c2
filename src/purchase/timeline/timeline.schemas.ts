import { z } from 'zod';
import { orderStatusSchema } from '../../order';
import { buyerLayers, layers } from './explanation';

const timestamp = z.iso.datetime({ precision: 3 });

const order = z.object({
  id: z.string(),
  status: orderStatusSchema,
  quantity: z.int(),
  createdAt: timestamp,
  reason: z.string().optional().meta({ description: 'Why it was rejected or closed' }),
}).meta({ id: 'BuyerOrder' });

/** The same answer several times in a row is one item. */
const answer = z.object({
  at: timestamp,
  lastAt: timestamp.meta({ description: 'The last of `count` equal answers' }),
  count: z.int().min(1).meta({ description: 'How many equal answers came in a row' }),
  outcome: z.string().meta({ description: 'accepted, created, known, or the code of the problem' }),
  available: z.int().optional().meta({ description: 'Units on sale at that instant, as the '
    + 'answering process knew it' }),
  quantity: z.int().optional().meta({ description: 'Units asked for' }),
  orderId: z.string().optional(),
});

const sample = {
  saleId: 'sale_0a1b2c3d4e5f6g7h8j9k',
  orders: [{ id: 'k31x9q0r5m2n8p4t6v7w9y1z3a5b7c9d', status: 'pending_payment', quantity: 1,
    createdAt: '2026-11-21T08:00:00.312Z' }],
  early: { at: '2026-11-21T07:59:58.100Z', lastAt: '2026-11-21T07:59:59.904Z', count: 12,
    outcome: 'SALE_NOT_OPEN' },
  won: { at: '2026-11-21T08:00:00.315Z', lastAt: '2026-11-21T08:00:00.315Z', count: 1,
    outcome: 'accepted', available: 41, quantity: 1, orderId: 'k31x9q0r5m2n8p4t6v7w9y1z3a5b7c9d' },
};

/** One buyer in one sale, as operators see it. */
export const buyerTimeline = z.object({
  saleId: z.string(),
  userId: z.string(),
  items: z.array(answer.extend({ layer: z.enum(layers) }))
    .meta({ description: 'Oldest first, the last 20' }),
  orders: z.array(order).meta({ description: 'Newest first, at most 50' }),
  leftOut: z.boolean().meta({ description: 'True: the sale had more buyers than are kept, so that '
    + 'no items does not mean no requests' }),
}).meta({ id: 'BuyerTimeline', examples: [{ saleId: sample.saleId, userId: 'alice',
  items: [{ ...sample.early, layer: 'sale' }, { ...sample.won, layer: 'stock' }],
  orders: sample.orders, leftOut: false }] });

/** The same for the buyer himself, in plain sentences. */
export const ownStory = z.object({
  saleId: z.string(),
  state: z.enum(['scheduled', 'open', 'sold_out', 'paused', 'closed']),
  limitPerUser: z.int(),
  unitsHeld: z.int().meta({ description: 'Units of yours that count against the limit' }),
  orders: z.array(order).meta({ description: 'Newest first, at most 50' }),
  items: z.array(answer.extend({ layer: z.enum(buyerLayers),
    explanation: z.string().meta({ description: 'What happened, and what you can do' }) }))
    .meta({ description: 'What your requests to buy were answered: oldest first, the last 20' }),
}).meta({ id: 'OwnStory', examples: [{ saleId: sample.saleId, state: 'open', limitPerUser: 1,
  unitsHeld: 1, orders: sample.orders, items: [
    { ...sample.early, layer: 'sale', explanation: 'The sale had not opened yet. Early requests do '
      + 'not queue: ask once it is open.' },
    { ...sample.won, layer: 'stock', explanation: 'The units were held for you.' },
  ] }] });

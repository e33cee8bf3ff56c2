import { stateOf, type Sale, type SaleState, type SaleStatus } from './sale';

const sale: Sale = {
  id: 'sale_1', product: { id: 'product_1', name: 'Pen' }, price: { amount: 1, currency: 'EUR' },
  limitPerUser: 1, opensAtMs: 1_000, closesAtMs: 2_000, payWindowSeconds: 60, status: 'active',
  protection: {}, strategy: 'lua', redisOutage: 'pause', segments: 1, createdAtMs: 0,
};

describe('the state of a sale', () => {
  it.each<[SaleStatus, number, number | undefined, SaleState]>([
    ['draft', 1_500, 5, 'draft'],
    ['active', 999, 5, 'scheduled'],
    ['active', 999, 0, 'scheduled'],
    ['active', 1_000, 5, 'open'],
    ['active', 1_500, undefined, 'open'],
    ['active', 1_500, 0, 'sold_out'],
    ['active', 1_999, 5, 'open'],
    ['active', 2_000, 5, 'closed'],
    ['paused', 500, 5, 'paused'],
    ['paused', 1_500, 0, 'paused'],
    ['paused', 2_000, 5, 'closed'],
    ['closed', 500, 5, 'closed'],
  ])('of a %s one, %i ms, %p left is %s', (status, nowMs, available, state) => {
    expect(stateOf({ ...sale, status }, nowMs, available)).toBe(state);
  });
});

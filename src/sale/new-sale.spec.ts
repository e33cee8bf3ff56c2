import { newSaleBody } from './new-sale';
import { stockStrategies } from './sale';

const body = { productId: 'product_1', stock: 1, price: { amount: 100, currency: 'EUR' },
  limitPerUser: 1, opensAt: '2026-01-31T10:00:00Z', closesAt: '2026-01-31T12:00:00Z' };
const pathsOf = (changes: object) =>
  newSaleBody.safeParse({ ...body, ...changes }).error?.issues.map(({ path }) => path);

describe('the body of a new sale', () => {
  it.each(stockStrategies)('with the strategy %s may have a million units', (strategy) => {
    expect(pathsOf({ strategy, stock: 1_000_000 })).toBeUndefined();
  });

  it.each(['tokens', 'database-unit-rows'])(
    'has no more where each unit is an entry of its own: %s', (strategy) => {
      expect(pathsOf({ strategy, stock: 1_000_001 })).toEqual([['stock']]);
    });

  it.each(['lua', 'database-optimistic', 'database-row-lock', 'segment-lock'])(
    'has ten million at most where units are counted: %s', (strategy) => {
      expect(pathsOf({ strategy, stock: 10_000_000 })).toBeUndefined();
      expect(pathsOf({ strategy, stock: 10_000_001 })).toEqual([['stock']]);
    });
});

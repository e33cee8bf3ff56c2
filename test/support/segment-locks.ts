import { StockBook, StockRedis } from '../../src/stock';
import type { TestProduct } from './product';
import { until } from './until';

const strategy = 'segment-lock';

/** The keys of the locks that buyers hold in this sale. */
export function locksOf(product: TestProduct, saleId: string): Promise<string[]> {
  const redis = product.get(StockRedis);
  return redis.connections.general.keys(`${redis.keys(saleId).meta}:lock:*:*`);
}

/** Takes the two locks of a buyer. Their leases do not run out, however long a test takes. */
export function enterForGood(product: TestProduct, saleId: string, userId: string) {
  return until('both locks are held for good', async () => {
    const turn = await product.get(StockBook).enter({ saleId, strategy }, userId);
    const { general } = product.get(StockRedis).connections;
    const locks = await locksOf(product, saleId);
    const kept = await Promise.all(locks.map((lock) => general.persist(lock)));
    if (kept.filter((answer) => answer === 1).length === 2) return turn;
    // One of them ran out before, on a machine that stood still.
    await turn.leave();
    return undefined;
  });
}

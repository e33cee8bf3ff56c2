import { Database } from '../../src/infra/database';
import { StockReader } from '../../src/stock';
import type { TestProduct } from './product';

interface StockRow { total: number; allocated: number; held: string; isOverLimit: number }

/**
 * Looks at I1, I2 and I6 all the time while `act` runs, each side in one consistent look. Fails
 * when one of them was ever broken, resolves as `act` does.
 */
export async function whileWatched<Result>(product: TestProduct, saleId: string,
  act: () => Promise<Result>): Promise<Result> {
  const faults = new Set<string>();
  let isOver = false;
  const watching = (async () => {
    while (!isOver) for (const fault of await lookAt(product, saleId)) faults.add(fault);
  })();
  try {
    return await act();
  } finally {
    isOver = true;
    await watching;
    expect([...faults]).toEqual([]);
  }
}

async function lookAt(product: TestProduct, saleId: string): Promise<string[]> {
  const [row] = await product.get(Database).query<StockRow>(
    `SELECT k.total, k.allocated,
        (SELECT COALESCE(SUM(o.quantity), 0) FROM orders o WHERE o.sale_id = k.sale_id
          AND o.status IN ('pending_payment', 'paid')) AS held,
        EXISTS (SELECT 1 FROM buyer_quotas q JOIN sales s ON s.id = q.sale_id
          WHERE q.sale_id = k.sale_id AND q.quantity > s.limit_per_user) AS isOverLimit
      FROM sale_stock k WHERE k.sale_id = ?`, [saleId]);
  if (!row) throw new Error(`The sale ${saleId} has no stock row`);
  const { total, allocated, held, isOverLimit } = row;
  const { loaded, balanced, ...counters } = await product.get(StockReader).audit(saleId);
  return Object.entries({
    [`I1: ${allocated} allocated of ${total}`]: allocated >= 0 && allocated <= total,
    [`I1: orders hold ${held}, allocated are ${allocated}`]: Number(held) === allocated,
    [`I2: ${JSON.stringify(counters)}`]: balanced || !loaded,
    'I6: a buyer has more than the limit': isOverLimit === 0,
  }).flatMap(([fault, holds]) => holds ? [] : [fault]);
}

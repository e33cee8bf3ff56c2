import { Database } from '../../src/infra/database';
import { Metrics } from '../../src/infra/metrics';
import { OrderArchive } from '../../src/order';
import { Archiver } from '../../src/reconciliation/archiver';
import { SaleArchive, SaleCatalog } from '../../src/sale';
import { StockArchive, StockLoader } from '../../src/stock';
import type { TestProduct } from './product';

const runEndsAfterMs = 5_000;

/** Lets a sale be over since longer than its rows stay, and forgotten by Redis. */
export async function letAge(product: TestProduct, saleId: string): Promise<void> {
  await product.get(Database).execute(
    `UPDATE sales SET opens_at = NOW(3) - INTERVAL 33 DAY, closes_at = NOW(3) - INTERVAL 32 DAY,
      retired_at = NOW(3) - INTERVAL 31 DAY WHERE id = ?`, [saleId]);
  await product.get(SaleCatalog).announce(saleId);
  await product.get(StockLoader).unload(saleId);
}

/**
 * Moves whatever is due after 30 days; resolves to how many rows. A run ends after 5 s, also with work
 * left: on a busy machine one step may take as long.
 */
export async function archive(product: TestProduct): Promise<number> {
  const archiver = new Archiver({ ...product.config, archiveAfterDays: 30 }, product.get(Database),
    product.get(SaleArchive), product.get(OrderArchive), product.get(StockArchive),
    product.get(Metrics));
  for (let moved = 0; ;) {
    const startedAt = performance.now();
    moved += await archiver.run();
    if (performance.now() - startedAt < runEndsAfterMs) return moved;
  }
}

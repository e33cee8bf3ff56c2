import { Injectable } from '@nestjs/common';
import type { Transaction } from '../infra/database';
import { archiveRows, restoreRows } from '../sale';

const ledger = { name: 'stock_ledger', key: 'movement_id', index: 'PRIMARY' };
const quotas = { name: 'buyer_quotas', key: 'user_id', index: 'PRIMARY' };

/** The ledger and the buyers' quotas of sales that are long over. */
@Injectable()
export class StockArchive {
  /** Moves at most so many rows of each table to the archive. Resolves to how many in all. */
  async move(transaction: Transaction, saleId: string, atMost: number): Promise<number> {
    return await archiveRows(transaction, ledger, saleId, atMost)
      + await archiveRows(transaction, quotas, saleId, atMost);
  }

  /** Whether there are rows left to move. */
  async isEmpty(transaction: Transaction, saleId: string): Promise<boolean> {
    const rows = await transaction.query(
      `SELECT (SELECT 1 FROM stock_ledger WHERE sale_id = ? LIMIT 1) AS ledger,
        (SELECT 1 FROM buyer_quotas WHERE sale_id = ? LIMIT 1) AS quota
        HAVING ledger IS NOT NULL OR quota IS NOT NULL`, [saleId, saleId]);
    return rows.length === 0;
  }

  /** Units of these buyers are about to move again: their quotas come back first. */
  async bringBack(transaction: Transaction, saleId: string,
    userIds: readonly string[]): Promise<void> {
    await restoreRows(transaction, quotas, saleId, userIds);
  }
}

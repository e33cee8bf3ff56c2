import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../infra/database';

/** Also those that wait for a decision about an order of theirs: the others come behind them. */
const salesAtOnce = 1_000;

/** Which sales have rows to move to the archive. */
@Injectable()
export class SaleArchive {
  constructor(private readonly database: Database) {}

  /** Sales that were retired so many days ago and have rows left, the oldest first; at most 1,000. */
  async due(afterDays: number): Promise<string[]> {
    const sales = await this.database.query<{ id: string }>(
      `SELECT id FROM sales WHERE archived_at IS NULL AND retired_at < NOW(3) - INTERVAL ? DAY
        ORDER BY retired_at LIMIT ?`, [afterDays, salesAtOnce]);
    return sales.map(({ id }) => id);
  }

  /** Whoever moves rows of this sale the other way waits until the transaction ends, or was before. */
  async lock(transaction: Transaction, saleId: string): Promise<void> {
    await transaction.query('SELECT id FROM sales WHERE id = ? FOR UPDATE', [saleId]);
  }

  /** Nothing is left: the sale is not due any more. */
  async close(transaction: Transaction, saleId: string): Promise<void> {
    await transaction.execute('UPDATE sales SET archived_at = NOW(3) WHERE id = ?', [saleId]);
  }

  /** Something has come back: the sale is due again. */
  async reopen(transaction: Transaction, saleId: string): Promise<void> {
    await transaction.execute('UPDATE sales SET archived_at = NULL WHERE id = ?', [saleId]);
  }
}

import type { Transaction } from '../../infra/database';
import type { Movement } from '../movement';
import type { Deduction, Taking } from './deduction';

/**
 * Reads the row, and writes it only if its version is still the one read. Nobody waits for a lock
 * before he has decided, and under contention nearly everybody decides in vain.
 */
export class OptimisticDeduction implements Deduction {
  async take(transaction: Transaction, saleId: string,
    movements: readonly Movement[]): Promise<Taking> {
    const [row] = await transaction.query<{ free: number; version: number }>(
      'SELECT total - allocated AS free, version FROM sale_stock WHERE sale_id = ?', [saleId]);
    if (!row || row.free < unitsOf(movements)) return 'gone';
    const { affectedRows } = await transaction.execute(
      'UPDATE sale_stock SET version = version + 1 WHERE sale_id = ? AND version = ?',
      [saleId, row.version]);
    return affectedRows === 1 ? 'taken' : 'busy';
  }
}

export function unitsOf(movements: readonly Movement[]): number {
  return movements.reduce((units, { quantity }) => units + quantity, 0);
}

import type { Transaction } from '../../infra/database';
import type { Movement } from '../movement';
import type { Deduction, Taking } from './deduction';
import { unitsOf } from './optimistic';

/** Locks the row, then reads it: nothing decided is in vain, and all stand in one line. */
export class RowLockDeduction implements Deduction {
  async take(transaction: Transaction, saleId: string,
    movements: readonly Movement[]): Promise<Taking> {
    const [row] = await transaction.query<{ free: number }>(
      'SELECT total - allocated AS free FROM sale_stock WHERE sale_id = ? FOR UPDATE', [saleId]);
    return row && row.free >= unitsOf(movements) ? 'taken' : 'gone';
  }
}

import type { Transaction } from '../../infra/database';
import type { Movement } from '../movement';
import type { Deduction, Taking } from './deduction';
import { unitsOf } from './optimistic';

const rowsAtOnce = 1_000;

/**
 * A row per unit. Whoever buys locks the next rows that nobody else has locked, so two buyers do not
 * meet here; each unit knows its order, which is what the scheme is good for.
 */
export class UnitRowsDeduction implements Deduction {
  async take(transaction: Transaction, saleId: string,
    movements: readonly Movement[]): Promise<Taking> {
    const rows = await transaction.query<{ unit: number }>(
      `SELECT unit FROM stock_units WHERE sale_id = ? AND rid IS NULL
        LIMIT ? FOR UPDATE SKIP LOCKED`, [saleId, unitsOf(movements)]);
    const units = rows.map(({ unit }) => unit);
    if (units.length < unitsOf(movements)) return this.whyTooFew(transaction, saleId, movements);
    // All these rows are there: in one statement each gets the id of its order.
    await transaction.execute(`INSERT INTO stock_units (sale_id, unit, rid) VALUES ?
      ON DUPLICATE KEY UPDATE rid = VALUES(rid)`, [movements.flatMap(({ rid, quantity }) =>
      units.splice(0, quantity).map((unit) => [saleId, unit, rid]))]);
    return 'taken';
  }

  async giveBack(transaction: Transaction, saleId: string,
    movements: readonly Movement[]): Promise<void> {
    await transaction.execute('UPDATE stock_units SET rid = NULL WHERE sale_id = ? AND rid IN (?)',
      [saleId, movements.map(({ rid }) => rid)]);
  }

  async resize(transaction: Transaction, saleId: string, delta: number): Promise<boolean> {
    if (delta < 0) {
      const { affectedRows } = await transaction.execute(
        'DELETE FROM stock_units WHERE sale_id = ? AND rid IS NULL ORDER BY unit DESC LIMIT ?',
        [saleId, -delta]);
      return affectedRows === -delta;
    }
    // Whoever adds units meanwhile waits here, so that no two number theirs from the same one on.
    await transaction.query('SELECT total FROM sale_stock WHERE sale_id = ? FOR UPDATE', [saleId]);
    const [row] = await transaction.query<{ last: number }>(
      'SELECT COALESCE(MAX(unit), 0) AS last FROM stock_units WHERE sale_id = ?', [saleId]);
    for (let added = 0; added < delta; added += rowsAtOnce) {
      const first = (row?.last ?? 0) + added + 1;
      await transaction.execute('INSERT INTO stock_units (sale_id, unit) VALUES ?',
        [Array.from({ length: Math.min(rowsAtOnce, delta - added) }, (_, i) => [saleId, first + i])]);
    }
    return true;
  }

  /** Rows that were skipped are locked by others, who may yet roll back. */
  private async whyTooFew(transaction: Transaction, saleId: string,
    movements: readonly Movement[]): Promise<Taking> {
    const [row] = await transaction.query<{ free: number }>(
      'SELECT COUNT(*) AS free FROM stock_units WHERE sale_id = ? AND rid IS NULL', [saleId]);
    return (row?.free ?? 0) < unitsOf(movements) ? 'gone' : 'busy';
  }
}

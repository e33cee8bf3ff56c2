import type { Transaction } from '../infra/database';

/** A table whose rows of sales that are long over go to `archived_` and its name. */
export interface ArchivedTable {
  readonly name: string;
  /** The column that tells rows of one sale apart. */
  readonly key: string;
  /** The index in whose sequence a batch is taken: without it the whole sale might be locked for each. */
  readonly index: string;
  /** SQL that rows meet which may go; without it all may. */
  readonly condition?: string;
}

/** Moves at most so many rows of a sale to the archive. Resolves to how many. */
export async function archiveRows(transaction: Transaction, table: ArchivedTable, saleId: string,
  atMost: number): Promise<number> {
  const { name, key, index, condition = '1 = 1' } = table;
  const rows = await transaction.query<{ value: string }>(
    `SELECT ${key} AS value FROM ${name} FORCE INDEX (${index}) WHERE sale_id = ? AND ${condition}
      ORDER BY ${key} LIMIT ? FOR UPDATE`, [saleId, atMost]);
  await move(transaction, key, name, `archived_${name}`, saleId, rows.map(({ value }) => value));
  return rows.length;
}

/** Moves back what of these rows is in the archive. Resolves to how many that were. */
export async function restoreRows(transaction: Transaction, { name, key }: ArchivedTable,
  saleId: string, values: readonly string[]): Promise<number> {
  const rows = await transaction.query<{ value: string }>(
    `SELECT ${key} AS value FROM archived_${name} FORCE INDEX (PRIMARY)
      WHERE sale_id = ? AND ${key} IN (?) ORDER BY ${key} FOR UPDATE`, [saleId, values]);
  await move(transaction, key, `archived_${name}`, name, saleId, rows.map(({ value }) => value));
  return rows.length;
}

/**
 * The rows are locked: each is in exactly one of the two tables, before and after. Through another index
 * than that of their keys both statements might meet rows that somebody else has locked.
 */
async function move(transaction: Transaction, key: string, from: string, to: string, saleId: string,
  values: readonly string[]): Promise<void> {
  if (values.length === 0) return;
  // All columns, those of a newer program too: both tables have the same in the same sequence.
  const { affectedRows } = await transaction.execute(
    `INSERT INTO ${to} SELECT * FROM ${from} FORCE INDEX (PRIMARY)
      WHERE sale_id = ? AND ${key} IN (?)`, [saleId, values]);
  if (affectedRows !== values.length) throw new Error(`Rows of ${from} changed under the lock`);
  await transaction.execute(
    `DELETE ${from} FROM ${from} FORCE INDEX (PRIMARY)
      WHERE sale_id = ? AND ${key} IN (?)`, [saleId, values]);
}

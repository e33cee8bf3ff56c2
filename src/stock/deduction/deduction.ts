import type { Transaction } from '../../infra/database';
import type { Movement } from '../movement';

/**
 * What came of taking units. `gone`: fewer are left than asked for. `busy`: others hold what may come
 * back in a moment, or were faster; the whole transaction may be tried again.
 */
export type Taking = 'taken' | 'gone' | 'busy';

/** The right to take units for one buyer; given up after the transaction has ended, either way. */
export interface Turn {
  /** By which the database tells a late holder from the one after him; 0 where there are no locks. */
  readonly token: number;
  leave(): Promise<void>;
}

/**
 * How the database side of a sale gives its units away, beside the guarded statement with which every
 * one of them ends: that alone decides, and a scheme that fails costs time, never a unit.
 */
export interface Deduction {
  /** Before the transaction. Undefined: somebody else has the turn, come back. */
  enter?(saleId: string, userId: string): Promise<Turn | undefined>;
  /** Takes the units of these orders, in the transaction that writes them. */
  take(transaction: Transaction, saleId: string, movements: readonly Movement[],
    token: number): Promise<Taking>;
  /** Gives back what `take` took for these orders. */
  giveBack?(transaction: Transaction, saleId: string,
    movements: readonly Movement[]): Promise<void>;
  /** Units come to the sale or leave it; false: fewer than that are free. */
  resize?(transaction: Transaction, saleId: string, delta: number): Promise<boolean>;
}

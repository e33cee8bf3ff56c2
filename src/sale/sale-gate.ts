import type { Transaction } from '../infra/database';
import type { StockStrategy } from './sale';

/**
 * What a sale needs of the stock, which stands on sales and therefore cannot be imported here.
 * The stock module provides it under this class.
 */
export abstract class SaleGate {
  /** Makes what the strategy of a new sale needs beside its total, in the transaction that makes it. */
  abstract prepare(transaction: Transaction, saleId: string, strategy: StockStrategy,
    stock: number): Promise<void>;

  /**
   * Units left by sale id, undefined where the part of Redis that has the sale is away; sales that
   * are not loaded are left out. Rejects when Redis is away.
   */
  abstract available(saleIds: readonly string[]): Promise<ReadonlyMap<string, number | undefined>>;

  /**
   * What buyers are told by sale id: open, paused or closed. Left out: sales that are not loaded, or
   * cannot be read, and those whose gate asks the operators' decision itself. Rejects when Redis is
   * away.
   */
  abstract states(saleIds: readonly string[]): Promise<ReadonlyMap<string, string>>;

  /**
   * Puts the operators' decision in force for every buyer. A sale that is not loaded, or is being
   * loaded, takes it over from the database at the end of its load. Rejects when Redis is away.
   */
  abstract apply(saleId: string, state: 'open' | 'paused' | 'closed'): Promise<void>;
}

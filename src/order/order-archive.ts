import { Injectable } from '@nestjs/common';
import type { Transaction } from '../infra/database';
import { archiveRows, restoreRows, SaleArchive, SaleCatalog } from '../sale';
import { StockArchive } from '../stock';
import type { Order } from './order';

/** Whoever reviews a frozen order may still decide about it. */
const table = { name: 'orders', key: 'rid', index: 'orders_of_sale',
  condition: "status NOT IN ('pending_payment', 'frozen')" };

/** Orders of sales that are long over. They are read where they lie; to change, they come back. */
@Injectable()
export class OrderArchive {
  constructor(
    private readonly catalog: SaleCatalog,
    private readonly sales: SaleArchive,
    private readonly stock: StockArchive,
  ) {}

  /** Moves at most so many rows to the archive. Resolves to how many. */
  move(transaction: Transaction, saleId: string, atMost: number): Promise<number> {
    return archiveRows(transaction, table, saleId, atMost);
  }

  /** Whether there are rows left to move, now or once they are decided. */
  async isEmpty(transaction: Transaction, saleId: string): Promise<boolean> {
    const rows = await transaction.query(
      'SELECT 1 FROM orders WHERE sale_id = ? LIMIT 1', [saleId]);
    return rows.length === 0;
  }

  /**
   * Brings orders of a sale and their buyers' quotas back from the archive, if they are there, as a part
   * of the transaction that is about to change them, or to write what is not there.
   */
  async bringBack(transaction: Transaction, saleId: string,
    orders: readonly Pick<Order, 'id' | 'userId'>[]): Promise<void> {
    if (this.catalog.peek(saleId)) return;
    await this.sales.reopen(transaction, saleId);
    await restoreRows(transaction, table, saleId, orders.map(({ id }) => id));
    await this.stock.bringBack(transaction, saleId, orders.map(({ userId }) => userId));
  }
}

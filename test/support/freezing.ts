import { Database } from '../../src/infra/database';
import { OrderFreeze, OrderStore, type Order } from '../../src/order';
import { SaleCatalog, type Sale } from '../../src/sale';
import { StockReader } from '../../src/stock';
import type { TestProduct } from './product';

export const reviewer = { source: 'review', ip: '', traceId: 'a'.repeat(32) };

/** What tests of frozen orders look at, on both sides. */
export class Freezing {
  constructor(private readonly product: TestProduct) {}

  get freeze(): OrderFreeze { return this.product.get(OrderFreeze); }

  /** Freezes all that the buyer has; their ids, the oldest first. */
  async idsFrozen(userId: string): Promise<string[]> {
    return (await this.freeze.freeze(userId, reviewer)).map(({ id }) => id);
  }

  async row(rid: string): Promise<Order> {
    const order = await this.product.get(OrderStore).find(rid);
    if (!order) throw new Error(`There is no order ${rid}`);
    return order;
  }

  /** Status and hold of an order's row and of its record. */
  async holds(saleId: string, rid: string): Promise<{ row: string; record: string }> {
    const row = await this.row(rid);
    const record = await this.product.get(StockReader).reservation(saleId, rid);
    return { row: `${row.status} ${row.holds}`, record: `${record?.status} ${record?.hold}` };
  }

  /** What moved the units of an order, by the ids of the ledger. */
  async movements(rid: string): Promise<string[]> {
    const rows = await this.product.get(Database).query<{ movement: string }>(
      `SELECT movement_id AS movement FROM stock_ledger WHERE rid = ? ORDER BY movement_id`, [rid]);
    return rows.map(({ movement }) => movement.replace(rid, 'rid'));
  }

  async sale(saleId: string): Promise<Sale> {
    const sale = await this.product.get(SaleCatalog).find(saleId);
    if (!sale) throw new Error(`There is no sale ${saleId}`);
    return sale;
  }
}

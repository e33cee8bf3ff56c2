import { Injectable } from '@nestjs/common';
import { Database, isDuplicateKey, type Transaction } from '../infra/database';
import { beforeFirstPage, pageItemsAtMost, type PageEnd } from '../infra/http';
import { Metrics } from '../infra/metrics';
import { SaleCatalog, type Sale } from '../sale';
import type { OutboxEntry } from '../stock';
import { HintedSales } from './hinted-sales';
import { orderColumns, toOrder, type Order, type OrderRow } from './order';
import { OrderArchive } from './order-archive';

const pageSize = 500;
/** Left to itself, MariaDB reads all orders of the sale up to the page: minutes for a million. */
const fromTheMiddle = 'FORCE INDEX (orders_of_sale)';

/** How a row begins: as an order that waits for payment, or closed, as a tombstone. */
export interface RowStart {
  status: 'pending_payment' | 'cancelled' | 'rejected';
  reason?: string;
  expiresAt: (entry: OutboxEntry) => Date;
  now: Date;
}

/** A sale's rows are moved to the archive while they are read: one statement sees each of them once. */
function inBoth(condition: string, page = '', index = ''): string {
  return `(SELECT ${orderColumns} FROM orders ${index} WHERE ${condition} ${page})
    UNION ALL (SELECT ${orderColumns} FROM archived_orders WHERE ${condition} ${page}) ${page}`;
}

/**
 * Reads order rows, and writes new ones. Where the tables lie on several servers an order is on that of
 * its sale: whoever knows the sale names it, and one server is asked instead of all. Of a sale that is
 * long over it may be in the archive.
 */
@Injectable()
export class OrderStore {
  constructor(
    private readonly database: Database,
    private readonly catalog: SaleCatalog,
    private readonly hinted: HintedSales,
    private readonly archive: OrderArchive,
    private readonly metrics: Metrics,
  ) {}

  /** The row of this id; where the sale is not named, wherever it is. */
  async find(rid: string, saleId?: string): Promise<Order | undefined> {
    const [order] = saleId === undefined ? await this.findByHint(rid)
      : await this.findMany([rid], saleId);
    return order;
  }

  /** Rows of one sale; where it is not named, of any. */
  async findMany(rids: readonly string[], saleId?: string,
    transaction?: Transaction): Promise<Order[]> {
    if (rids.length === 0) return [];
    const reader = transaction ?? this.database;
    if (saleId === undefined) return this.findOver(reader, rids);
    const rows = await reader.query<OrderRow>(
      `SELECT ${orderColumns} FROM orders FORCE INDEX (PRIMARY)
        WHERE sale_id = ? AND rid IN (?)`, [saleId, rids]);
    const isComplete = rows.length === rids.length || this.isLive(saleId);
    return isComplete ? rows.map(toOrder) : this.findOver(reader, rids, saleId);
  }

  /** Whether no order of the sale can be in the archive. */
  isLive(saleId: string): boolean {
    return this.catalog.peek(saleId) !== undefined;
  }

  /** The orders of a sale wherever they lie: a table for FROM, and the values of its placeholders. */
  tableOf(saleId: string): { table: string; values: string[] } {
    if (this.isLive(saleId)) return { table: 'orders', values: [] };
    return { table: `(${inBoth('sale_id = ?')}) AS orders`, values: [saleId, saleId] };
  }

  /** A buyer's orders after the end of a page, newest first, one more than a page. */
  async ofUser(userId: string, after: PageEnd = beforeFirstPage): Promise<Order[]> {
    const at = new Date(after.atMs);
    const [rowsAtMost, condition] = [pageItemsAtMost + 1, [userId, at, at, after.id]];
    const rows = await this.database.query<OrderRow>(
      inBoth('user_id = ? AND reserved_at <= ? AND (reserved_at < ? OR rid < ?)',
        'ORDER BY reserved_at DESC, rid DESC LIMIT ?'),
      [...condition, rowsAtMost, ...condition, rowsAtMost, rowsAtMost]);
    return rows.map(toOrder);
  }

  /** Every row of a sale, tombstones too, in pages by id. */
  async *ofSale(saleId: string): AsyncGenerator<Order[]> {
    let last = '';
    for (;;) {
      const rows = this.isLive(saleId)
        ? await this.database.query<OrderRow>(
          `SELECT ${orderColumns} FROM orders ${fromTheMiddle}
            WHERE sale_id = ? AND rid > ? ORDER BY rid LIMIT ?`, [saleId, last, pageSize])
        : await this.database.query<OrderRow>(
          inBoth('sale_id = ? AND rid > ?', 'ORDER BY rid LIMIT ?', fromTheMiddle),
          [saleId, last, pageSize, saleId, last, pageSize, pageSize]);
      if (rows.length > 0) yield rows.map(toOrder);
      if (rows.length < pageSize) return;
      last = rows[rows.length - 1]?.rid ?? '';
    }
  }

  /** Units that orders of the sale hold, by the two statuses that hold any. */
  async units(saleId: string, transaction?: Transaction) {
    const rows = await (transaction ?? this.database).query<{ status: string; units: string }>(
      `SELECT status, SUM(quantity) AS units FROM orders
        WHERE sale_id = ? AND status IN ('pending_payment', 'paid') GROUP BY status`, [saleId]);
    const of = (status: string) => Number(rows.find((row) => row.status === status)?.units ?? 0);
    return { pendingPayment: of('pending_payment'), paid: of('paid') };
  }

  /**
   * Inserts rows for reservations. Throws a duplicate key when one of them has a row already. What is in
   * the archive comes back first: a job may come after its sale has gone there.
   */
  async insert(transaction: Transaction, sale: Sale, entries: readonly OutboxEntry[],
    { status, reason, expiresAt, now }: RowStart): Promise<Order[]> {
    const orders = entries.map((entry): Order => ({
      id: entry.rid, saleId: sale.id, userId: entry.userId, quantity: entry.quantity,
      amount: sale.price.amount * entry.quantity, currency: sale.price.currency, status,
      fingerprint: entry.fingerprint, seq: entry.seq, traceId: entry.traceId,
      reservedAt: new Date(entry.reservedAtMs), createdAt: now, expiresAt: expiresAt(entry),
      holds: 1,
      ...(entry.deviceId !== undefined && { deviceId: entry.deviceId }),
      ...(reason !== undefined && { reason }),
      ...(status !== 'pending_payment' && { closedAt: now }),
    }));
    await this.archive.bringBack(transaction, sale.id, orders);
    await transaction.execute(
      `INSERT INTO orders (rid, sale_id, user_id, quantity, amount, currency, status, reason,
        fingerprint, epoch, seq, trace_id, reserved_at, created_at, expires_at, closed_at, device_id)
        VALUES ?`,
      [orders.map((order, index) => [order.id, order.saleId, order.userId, order.quantity,
        order.amount, order.currency, order.status, order.reason ?? null, order.fingerprint,
        entries[index]?.epoch, order.seq, order.traceId, order.reservedAt, order.createdAt,
        order.expiresAt, order.closedAt ?? null, order.deviceId ?? null])]);
    return orders;
  }

  /**
   * Closes a reservation that has no row: the tombstone competes with the order for the rid.
   * Resolves to the row that stands, whoever wrote it.
   */
  async insertTombstone(sale: Sale, entry: OutboxEntry, status: 'cancelled' | 'rejected',
    reason: string): Promise<Order> {
    const standing = await this.find(entry.rid, sale.id);
    if (standing) return standing;
    try {
      await this.database.transaction(async (transaction) => {
        const now = await this.now(transaction);
        await this.insert(transaction, sale, [entry], { status, reason, expiresAt: () => now, now });
      });
      this.metrics.orderStatusTotal.inc({ status });
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
    const order = await this.find(entry.rid, sale.id);
    if (!order) throw new Error(`The row of ${entry.rid} is neither there nor can it be written`);
    return order;
  }

  /** Hardly ever more than one look: an id that hints at a live sale is of that sale. */
  private async findByHint(rid: string): Promise<Order[]> {
    for (const { id: saleId } of this.hinted.of(rid)) {
      const orders = await this.findMany([rid], saleId);
      if (orders.length > 0) return orders;
    }
    return this.findMany([rid]);
  }

  /** Of sales that are not live, which alone may be in the archive. */
  private async findOver(reader: Pick<Transaction, 'query'>, rids: readonly string[],
    saleId?: string): Promise<Order[]> {
    const rows = saleId === undefined
      ? await reader.query<OrderRow>(inBoth('rid IN (?)'), [rids, rids])
      : await reader.query<OrderRow>(inBoth('sale_id = ? AND rid IN (?)'),
        [saleId, rids, saleId, rids]);
    return rows.map(toOrder);
  }

  /** The database's clock. */
  async now(transaction: Transaction): Promise<Date> {
    const [row] = await transaction.query<{ now: Date }>('SELECT NOW(3) AS now');
    if (!row) throw new Error('The database does not know the time');
    return row.now;
  }
}

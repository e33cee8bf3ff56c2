import { Injectable } from '@nestjs/common';
import { Database, isUnanswered, type Transaction } from '../infra/database';
import { failpoint } from '../infra/failpoint';
import { Metrics } from '../infra/metrics';
import { SaleCatalog, type Sale } from '../sale';
import { StockBook, type Cause, type LedgerRow } from '../stock';
import { Cancellations } from './cancellations';
import { toOrder, orderColumns, type Order, type OrderRow } from './order';
import { OrderArchive } from './order-archive';
import { OrderFollowup } from './order-followup';
import { OrderNotices } from './order-notices';
import { sourcesOf } from './order-status';
import { OrderStore } from './order-store';

/** What a payment came to. `too_late`: the units had gone back, or the order never held any. */
export type PayOutcome = { kind: 'paid' } | { kind: 'already_paid' }
  | { kind: 'too_late'; order: Order } | { kind: 'unknown' };

/** Money for an order. `createdAt` is later for each payment of the same order. */
export interface OrderPayment {
  id: string;
  createdAt: Date;
}

/** What a change may come to that takes units away from rows which have them. */
type ReleasedBy = 'cancelled' | 'expired' | 'refunded' | 'frozen';

/** A change that takes units away: of which rows, and what the ledger says of each. */
interface Closing {
  to: ReleasedBy;
  causeOf: (row: OrderRow) => Cause;
  /** Without them, whatever is overdue. */
  rids?: readonly string[];
  /** Only what this payment has paid, if it is known what has. */
  paidBy?: string;
  /** Rows that somebody else holds are left to him. */
  skipsLocked?: boolean;
  /** What the transaction does first. */
  before?: (transaction: Transaction) => Promise<void>;
}

const closeAtMost = 500;
/** A notice about a row may be lost: who waits for it also looks by himself. */
const lookEveryMs = 500;

/**
 * Changes of orders that have a row (S7, S8). The old status stands in the WHERE of every change:
 * of two that race, the database lets one win, and the other learns what was decided.
 */
@Injectable()
export class OrderLife {
  private readonly cancellations = new Cancellations({
    cancel: (saleId, causes, skipsLocked) => this.decide(saleId, { to: 'cancelled', skipsLocked,
      rids: [...causes.keys()], causeOf: ({ rid }) => causes.get(rid) ?? neverAsked() }),
    isPending: async (saleId, rid) =>
      (await this.store.find(rid, saleId))?.status === 'pending_payment',
    tell: (saleId, orders) => this.followup.tryApply(saleId, orders),
  });

  constructor(
    private readonly database: Database,
    private readonly store: OrderStore,
    private readonly book: StockBook,
    private readonly catalog: SaleCatalog,
    private readonly followup: OrderFollowup,
    private readonly notices: OrderNotices,
    private readonly archive: OrderArchive,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Marks an order paid if it still waits for payment, in time by the database's clock; with a payment,
   * if that has not gone back.
   */
  async pay(rid: string, payment?: OrderPayment): Promise<PayOutcome> {
    const known = await this.store.find(rid);
    if (!known) return { kind: 'unknown' };
    const { saleId } = known;
    const { affectedRows } = await this.database.execute(
      `UPDATE orders FORCE INDEX (PRIMARY)
          SET status = 'paid', paid_at = NOW(3), payment_id = COALESCE(?, payment_id)
        WHERE sale_id = ? AND rid = ? AND status IN (?) AND expires_at > NOW(3)
          AND COALESCE(payments_void_until < ?, TRUE)`,
      [payment?.id ?? null, saleId, rid, sourcesOf('paid'), payment?.createdAt ?? null])
      .catch((error: unknown) => this.doubt(error, [rid]));
    if (affectedRows === 1) {
      this.metrics.orderStatusTotal.inc({ status: 'paid' });
      failpoint('pay-before-settle');
      await this.followup.tryApply(saleId, [{ ...known, status: 'paid' }]);
      return { kind: 'paid' };
    }
    const order = await this.store.find(rid, saleId);
    if (!order) return { kind: 'unknown' };
    if (payment && !mayHavePaid(order, payment)) return { kind: 'too_late', order };
    if (order.status === 'paid' || order.status === 'refunded') {
      // Perhaps nobody heard of the commit then, and so nobody has told Redis.
      await this.followup.tryApply(order.saleId, [order]);
      return { kind: 'already_paid' };
    }
    if (order.status === 'pending_payment') {
      // Overdue, and nobody has closed it yet: money must not find it in between.
      await this.expire(order.saleId, [rid]);
      return this.pay(rid, payment);
    }
    return { kind: 'too_late', order };
  }

  /**
   * The money of this payment goes back: whoever is still about to pay the order with it, however slow
   * he is, finds that he may not. A paid order stays as it is.
   */
  async voidPayment(rid: string, { createdAt }: OrderPayment): Promise<void> {
    const order = await this.store.find(rid);
    if (!order) return;
    await this.database.execute(
      `UPDATE orders FORCE INDEX (PRIMARY)
          SET payments_void_until = GREATEST(?, COALESCE(payments_void_until, ?))
        WHERE sale_id = ? AND rid = ? AND status IN ('pending_payment', 'frozen')`,
      [createdAt, createdAt, order.saleId, rid]);
  }

  /** Gives a paid order's units back, once; with a payment only if that has paid it. */
  async refund(rid: string, cause: Cause,
    payment?: OrderPayment): Promise<'refunded' | 'already_refunded' | 'conflict'> {
    const order = await this.store.find(rid);
    if (!order) return 'conflict';
    const closed = await this.close(order.saleId, { to: 'refunded', causeOf: () => cause, rids: [rid],
      ...(payment && { paidBy: payment.id }),
      before: (transaction) => this.archive.bringBack(transaction, order.saleId, [order]) });
    if (closed.length === 1) return 'refunded';
    const current = await this.store.find(rid, order.saleId);
    if (!current || (payment && !mayHavePaid(current, payment))) return 'conflict';
    // Its row was on its way between two tables: whoever gives the money back must ask again.
    if (current.status === 'paid') throw new Error(`The paid order ${rid} was not found to be refunded`);
    if (current.status !== 'refunded') return 'conflict';
    await this.followup.tryApply(current.saleId, [current]);
    return 'already_refunded';
  }

  /**
   * Cancels an order that waits for payment. Resolves to the row as it stands then. Throws
   * TEMPORARILY_UNAVAILABLE when too many wait.
   */
  async cancel(order: Order, cause: Cause): Promise<Order> {
    const { id: rid, saleId } = order;
    await this.cancellations.run(saleId, { rid, cause });
    return await this.store.find(rid, saleId) ?? order;
  }

  /** Takes the units away from these of a sale's orders that wait for payment, at most 500. */
  async freeze(saleId: string, rids: readonly string[], cause: Cause): Promise<Order[]> {
    return this.close(saleId, { to: 'frozen', causeOf: () => cause, rids });
  }

  /**
   * The record of a frozen order has this newer hold, which is overdue: whoever was thawing the order
   * is too late from here on, and the units of that hold can be released.
   */
  async overtakeThaw(saleId: string, rid: string, hold: number): Promise<void> {
    await this.database.execute(
      `UPDATE orders FORCE INDEX (PRIMARY) SET holds = ?
        WHERE sale_id = ? AND rid = ? AND status = 'frozen' AND holds < ?`,
      [hold, saleId, rid, hold]);
  }

  /**
   * Ends orders of a sale whose time to pay is over, at most 500 a call; all of them, or only the
   * named ones. Rows that somebody else holds are left to him. Resolves to how many ended.
   */
  async expire(saleId: string, rids?: readonly string[]): Promise<number> {
    if (rids?.length === 0) return 0;
    const closed = await this.close(saleId, { to: 'expired', skipsLocked: true, ...(rids && { rids }),
      causeOf: ({ trace_id: traceId }) => ({ source: 'expiry', ip: '', traceId }) });
    return closed.length;
  }

  /** The row of a reservation that had none a moment ago, waiting this long for it to be written. */
  async waitForRow(saleId: string, rid: string, timeoutMs: number): Promise<Order | undefined> {
    const deadline = performance.now() + timeoutMs;
    const watch = this.notices.watch(rid);
    try {
      for (;;) {
        const leftMs = deadline - performance.now();
        await watch.next(Math.max(0, Math.min(lookEveryMs, leftMs)));
        const order = await this.store.find(rid, saleId);
        if (order || leftMs <= lookEveryMs) return order;
      }
    } finally {
      watch.stop();
    }
  }

  private async close(saleId: string, closing: Closing): Promise<Order[]> {
    const orders = await this.decide(saleId, closing);
    await this.followup.tryApply(saleId, orders);
    return orders;
  }

  /** What the database decides; Redis is not told. */
  private async decide(saleId: string, closing: Closing): Promise<Order[]> {
    const { to, before } = closing;
    const sale = await this.catalog.find(saleId);
    if (!sale) throw new Error(`Orders name the sale ${saleId}, which is not there`);
    let rows: readonly Order[] = [];
    const { orders, ledger } = await this.database.transaction(async (transaction) => {
      await before?.(transaction);
      const closed = await this.closeRows(transaction, sale, closing);
      rows = closed.orders;
      return closed;
    }).catch((error: unknown) => this.doubt(error, rows.map(({ id }) => id)));
    if (orders.length === 0) return [];
    this.book.audit(ledger);
    this.metrics.orderStatusTotal.inc({ status: to }, orders.length);
    failpoint(`${to}-before-release`);
    return orders;
  }

  /** A server that died over a commit may have made it. */
  private doubt(error: unknown, rids: readonly string[]): never {
    if (isUnanswered(error)) this.followup.doubt(rids);
    throw error;
  }

  private async closeRows(transaction: Transaction, sale: Sale,
    { to, causeOf, rids: among, paidBy, skipsLocked = false }: Closing,
  ): Promise<{ orders: Order[]; ledger: LedgerRow[] }> {
    const [index, named] = among ? ['PRIMARY', 'AND rid IN (?)'] : ['orders_overdue_of_sale', ''];
    const overdue = to === 'expired' ? 'AND expires_at <= NOW(3)' : '';
    const rows = await transaction.query<OrderRow>(
      `SELECT ${orderColumns} FROM orders FORCE INDEX (${index})
        WHERE sale_id = ? AND status IN (?) ${named} ${overdue} AND COALESCE(payment_id = ?, TRUE)
        LIMIT ? FOR UPDATE ${skipsLocked ? 'SKIP LOCKED' : ''}`,
      [sale.id, sourcesOf(to).filter(holdsUnits), ...(among ? [among] : []), paidBy ?? null,
        closeAtMost]);
    if (rows.length === 0) return { orders: [], ledger: [] };
    const rids = rows.map(({ rid }) => rid);
    const { affectedRows } = await transaction.execute(
      `UPDATE orders FORCE INDEX (PRIMARY)
          SET status = ?, closed_at = IF(? = 'frozen', NULL, NOW(3))
        WHERE sale_id = ? AND rid IN (?) AND status IN (?)`,
      [to, to, sale.id, rids, sourcesOf(to).filter(holdsUnits)]);
    if (affectedRows !== rows.length) throw new Error('Locked rows changed under the lock');
    const ledger = await this.book.release(transaction,
      { saleId: sale.id, limitPerUser: sale.limitPerUser, strategy: sale.strategy },
      rows.map((row) => ({ rid: row.rid, userId: row.user_id, quantity: row.quantity, hold: row.holds,
        cause: causeOf(row) })));
    return { orders: rows.map((row) => ({ ...toOrder(row), status: to })), ledger };
  }
}

/** Unless it has gone back, or another one has paid the order. */
function mayHavePaid({ paymentId, paymentsVoidUntil }: Order, { id, createdAt }: OrderPayment): boolean {
  return (paymentId ?? id) === id && !(paymentsVoidUntil && createdAt <= paymentsVoidUntil);
}

/** A frozen order has given its units back already, a reserved one has no row. */
function holdsUnits(status: string): boolean {
  return status === 'pending_payment' || status === 'paid';
}

function neverAsked(): never {
  throw new Error('An order that nobody cancels was found among those that are cancelled');
}

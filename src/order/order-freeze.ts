import { Injectable, Logger } from '@nestjs/common';
import { Database, isCheckViolation } from '../infra/database';
import { failpoint } from '../infra/failpoint';
import { Metrics } from '../infra/metrics';
import { assertUnreachable, TemporarilyUnavailable } from '../kernel';
import { SaleCatalog, type Sale } from '../sale';
import { StockBook, StockLedger, type Cause, type LedgerRow } from '../stock';
import { orderColumns, toOrder, type Order, type OrderRow, type RefusedThaw } from './order';
import { OrderFollowup } from './order-followup';
import { OrderLife } from './order-life';
import { OrderStore } from './order-store';

/** What became of frozen orders: waiting for payment again, or cancelled; `reason` says why. */
export interface Thaw {
  thawed: Order[];
  refused: Order[];
}

/** The guarded statement refused: units or epoch are gone. The transaction must not commit. */
class DoesNotFit extends Error {}

/** Somebody else may be thawing, cancelling or sweeping the same order: then look again. */
const looksAtMost = 5;

/**
 * S13: takes the units away from the orders of a buyer under review, and has them again where that
 * can be. A thaw takes them in Redis first, then in the database: between the two Redis is lower,
 * which is the safe side. Every taking has a number, the hold, in the row, the record and the ledger:
 * what was said of one hold is never done to the next. Every call may be repeated after a crash.
 */
@Injectable()
export class OrderFreeze {
  private readonly logger = new Logger('OrderFreeze');

  constructor(
    private readonly database: Database,
    private readonly store: OrderStore,
    private readonly book: StockBook,
    private readonly ledger: StockLedger,
    private readonly catalog: SaleCatalog,
    private readonly life: OrderLife,
    private readonly followup: OrderFollowup,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Freezes every order of the buyer that waits for payment, over all sales. What is reserved and has
   * no row yet is not among them: ask again when it can have one. Resolves to all his frozen orders,
   * those of an earlier call, too. Rejects when the database is away.
   */
  async freeze(userId: string, cause: Cause): Promise<Order[]> {
    const known = await this.frozenOf(userId);
    for (;;) {
      const pending = await this.ofUser(userId, 'pending_payment');
      if (pending.length === 0) break;
      for (const [saleId, orders] of bySale(pending)) {
        await this.life.freeze(saleId, orders.map(({ id }) => id), cause);
      }
    }
    // Redis may not have heard of those from a call that broke off.
    for (const [saleId, orders] of bySale(known)) await this.followup.tryApply(saleId, orders);
    return this.frozenOf(userId);
  }

  frozenOf(userId: string): Promise<Order[]> {
    return this.ofUser(userId, 'frozen');
  }

  /**
   * Lets frozen orders wait for payment again, each with a whole new time to pay, where their units
   * can still be had; the others are cancelled. An order that somebody else has thawed or cancelled
   * is reported as he left it. Throws TEMPORARILY_UNAVAILABLE while Redis is away or a sale is being
   * recovered: its orders are still frozen, those of other sales are thawed.
   */
  async thaw(rids: readonly string[], cause: Cause): Promise<Thaw> {
    const thaw: Thaw = { thawed: [], refused: [] };
    const faults: unknown[] = [];
    for (const rid of new Set(rids)) {
      try {
        const order = await this.thawOne(rid, cause);
        if (order) (order.status === 'cancelled' ? thaw.refused : thaw.thawed).push(order);
      } catch (error) {
        faults.push(error);
      }
    }
    if (faults.length > 0) throw faults[0];
    return thaw;
  }

  /** Cancels frozen orders; no unit moves. Resolves to those of them that are cancelled now. */
  async cancelFrozen(rids: readonly string[], reason: string, cause: Cause): Promise<Order[]> {
    const cancelled: Order[] = [];
    for (const [saleId, orders] of bySale(await this.store.findMany(rids))) {
      cancelled.push(...await this.cancelOfSale(saleId, orders.map(({ id }) => id), reason, cause));
    }
    return cancelled;
  }

  private async cancelOfSale(saleId: string, rids: readonly string[], reason: string,
    cause: Cause): Promise<Order[]> {
    const { affectedRows } = await this.database.execute(
      `UPDATE orders FORCE INDEX (PRIMARY)
          SET status = 'cancelled', reason = ?, closed_at = NOW(3)
        WHERE sale_id = ? AND rid IN (?) AND status = 'frozen'`, [reason, saleId, rids]);
    this.metrics.orderStatusTotal.inc({ status: 'cancelled' }, affectedRows);
    this.logger.log({ msg: 'frozen orders cancelled', saleId, rids, reason, orders: affectedRows,
      ...cause });
    const cancelled = (await this.store.findMany(rids, saleId))
      .filter(({ status }) => status === 'cancelled');
    if (cancelled.length > 0) await this.followup.tryApply(saleId, cancelled);
    return cancelled;
  }

  private async thawOne(rid: string, cause: Cause): Promise<Order | undefined> {
    for (let look = 0; look < looksAtMost; look++) {
      const order = await this.store.find(rid);
      if (order?.status !== 'frozen') return order;
      await this.tryThaw(order, cause);
    }
    throw new TemporarilyUnavailable('The order is being changed by somebody else. Ask again.');
  }

  /** Whether it came to anything the row tells. */
  private async tryThaw(order: Order, cause: Cause): Promise<void> {
    const sale = await this.catalog.find(order.saleId);
    if (!sale) throw new Error(`The order ${order.id} names a sale that is not there`);
    if (sale.retiredAtMs !== undefined) return this.refuse(order, 'UNITS_GONE', cause);
    // Redis may not have heard yet that the order was frozen.
    await this.ledger.release(sale.id, [{ rid: order.id, status: 'frozen', hold: order.holds }]);
    const outcome = await this.ledger.retake(sale.id,
      { rid: order.id, hold: order.holds + 1, quantity: order.quantity });
    switch (outcome.kind) {
      case 'held':
        failpoint('thaw-before-commit');
        return this.commit(sale, order, outcome.epoch, cause);
      case 'sold_out': return this.refuse(order, 'UNITS_GONE', cause);
      case 'over_limit': return this.refuse(order, 'LIMIT_EXCEEDED', cause);
      case 'moved': return;
      default: assertUnreachable(outcome);
    }
  }

  /** The units are held in Redis for a lease; the database decides. */
  private async commit(sale: Sale, order: Order, epoch: number, cause: Cause): Promise<void> {
    try {
      const ledger = await this.writeThawed(sale, order, epoch, cause);
      if (!ledger) return;
      failpoint('thaw-after-commit');
      this.book.audit(ledger);
    } catch (error) {
      if (!(error instanceof DoesNotFit) && !isCheckViolation(error)) throw error;
      if (!await this.isEpoch(sale.id, epoch)) return;
      return this.refuse(order, isCheckViolation(error) ? 'LIMIT_EXCEEDED' : 'UNITS_GONE', cause);
    }
    this.metrics.orderStatusTotal.inc({ status: 'pending_payment' });
    const row = await this.store.find(order.id, sale.id);
    if (row) await this.followup.tryApply(sale.id, [row]);
  }

  /**
   * Undefined when the row is no longer as it was read. Throws DoesNotFit when the units or the epoch
   * are gone, a check violation when the buyer would exceed the limit.
   */
  private writeThawed(sale: Sale, { id: rid, userId, quantity, seq, holds }: Order, epoch: number,
    cause: Cause): Promise<LedgerRow[] | undefined> {
    const hold = holds + 1;
    return this.database.transaction(async (transaction) => {
      const { affectedRows } = await transaction.execute(
        `UPDATE orders FORCE INDEX (PRIMARY) SET status = 'pending_payment', holds = ?,
            expires_at = NOW(3) + INTERVAL ? SECOND
          WHERE sale_id = ? AND rid = ? AND status = 'frozen' AND holds = ?`,
        [hold, sale.payWindowSeconds, sale.id, rid, holds]);
      if (affectedRows !== 1) return undefined;
      const ledger = await this.book.allocate(transaction, { saleId: sale.id,
        limitPerUser: sale.limitPerUser, strategy: sale.strategy, epoch, highestSeq: seq },
      [{ rid, userId, quantity, hold, cause }]);
      if (!ledger) throw new DoesNotFit();
      return ledger;
    });
  }

  /** A recovery since the units were held has made Redis anew: then nothing is decided yet. */
  private async isEpoch(saleId: string, epoch: number): Promise<boolean> {
    const [row] = await this.database.query<{ epoch: number }>(
      'SELECT epoch FROM sale_stock WHERE sale_id = ?', [saleId]);
    return row?.epoch === epoch;
  }

  private async refuse({ id }: Order, reason: RefusedThaw, cause: Cause): Promise<void> {
    await this.cancelFrozen([id], reason, cause);
  }

  private async ofUser(userId: string, status: Order['status']): Promise<Order[]> {
    const rows = await this.database.query<OrderRow>(
      `SELECT ${orderColumns} FROM orders WHERE user_id = ? AND status = ?
        ORDER BY reserved_at, rid`, [userId, status]);
    return rows.map(toOrder);
  }
}

function bySale(orders: readonly Order[]): Map<string, Order[]> {
  return Map.groupBy(orders, ({ saleId }) => saleId);
}

import { Injectable, Logger } from '@nestjs/common';
import { AuditLog } from '../infra/audit';
import { Database, type Transaction } from '../infra/database';
import { failpoint } from '../infra/failpoint';
import { validationFailed } from '../infra/http';
import { assertUnreachable, ProblemError, TemporarilyUnavailable } from '../kernel';
import { isSegment, unitsAtMost, type StockStrategy } from '../sale';
import type { Cause } from './movement';
import type { StockFence } from './sale-epochs';
import { StockBook } from './stock-book';
import { StockRedis } from './stock-redis';

/** A change of a sale's stock by so many units. `id` makes it happen once. */
export interface Adjustment {
  saleId: string;
  /** The sale that an operator changes; a loan between its segments is no decision, and changes none. */
  offerId?: string;
  id: string;
  delta: number;
  reason: string;
  actor: string;
}

/** pending: known, nowhere applied for sure · in_database: an increase that Redis may still lack. */
type AdjustmentStatus = 'pending' | 'in_database' | 'done' | 'refused';

interface AdjustmentRow {
  sale_id: string;
  id: string;
  delta: number;
  reason: string;
  status: AdjustmentStatus;
  actor: string;
  sale_status: string;
  strategy: StockStrategy;
  gate: StockFence['gate'];
  /** Of the sale when the row was read: both sides are changed under it, or neither. */
  epoch: number;
}

const selectRows = `SELECT a.sale_id, a.id, a.delta, a.reason, a.status, a.actor,
    s.status AS sale_status, s.strategy, k.epoch, k.gate
  FROM stock_adjustments a JOIN sales s ON s.id = a.sale_id
    JOIN sale_stock k ON k.sale_id = a.sale_id
  WHERE a.sale_id = ?`;

/**
 * S12: an increase goes to the database first, then to Redis; a decrease takes the units out of
 * Redis first, then lowers the total. A crash between leaves Redis lower, which is the safe side;
 * `finish` completes it, by a retry with the id or by reconciliation. A load of the sale between the
 * two sides changes the epoch, which refuses the second: what Redis then holds is the database's.
 */
@Injectable()
export class StockAdjustments {
  private readonly logger = new Logger('StockAudit');

  constructor(
    private readonly database: Database,
    private readonly redis: StockRedis,
    private readonly book: StockBook,
    private readonly auditLog: AuditLog,
  ) {}

  /**
   * Applies an adjustment once, however often it is asked for. Throws SOLD_OUT when a decrease
   * takes more than is left, or, where that is not `final`, TEMPORARILY_UNAVAILABLE: asked again, it may
   * find them; IDEMPOTENCY_KEY_REUSED when the id came with another delta or reason.
   */
  async adjust(adjustment: Adjustment, cause: Cause, isFinal = true): Promise<void> {
    const { saleId, offerId, id, delta, reason, actor } = adjustment;
    await this.database.transaction(async (transaction) => {
      const { affectedRows } = await transaction.execute(
        `INSERT IGNORE INTO stock_adjustments (sale_id, id, delta, reason, status, actor, trace_id)
          VALUES (?, ?, ?, ?, 'pending', ?, ?)`, [saleId, id, delta, reason, actor, cause.traceId]);
      if (affectedRows === 1 && offerId !== undefined) {
        await this.requireRoom(transaction, saleId, delta);
        await this.auditLog.record(transaction, { actor, action: 'stock.adjust', subjectId: offerId,
          detail: { id, delta, reason }, ip: cause.ip, traceId: cause.traceId });
      }
    });
    const [row] = await this.find(saleId, id);
    if (!row) throw new ProblemError('NOT_FOUND', 'There is no such sale.');
    if (row.delta !== delta || row.reason !== reason) {
      throw new ProblemError('IDEMPOTENCY_KEY_REUSED',
        'This Idempotency-Key was used for another adjustment. Use a new key.');
    }
    switch (await this.finish(row, cause, isFinal)) {
      case 'done': return;
      case 'refused': throw noLongerThere(row);
      case 'pending': throw new TemporarilyUnavailable('Its units are in other parts of the sale, or were '
        + 'sold at this moment. Ask again with the same Idempotency-Key.');
    }
  }

  /** What has become of this id so far; undefined when it was never used for the sale. */
  async statusOf(saleId: string, id: string): Promise<AdjustmentStatus | undefined> {
    return (await this.find(saleId, id))[0]?.status;
  }

  private async requireRoom(transaction: Transaction, saleId: string, delta: number) {
    const [row] = await transaction.query<{ total: number; strategy: StockStrategy }>(
      'SELECT total, strategy FROM sale_stock JOIN sales ON id = sale_id WHERE id = ?', [saleId]);
    if (!row || row.total + delta <= unitsAtMost(row.strategy)) return;
    throw validationFailed({ path: 'delta',
      message: `A sale with the strategy ${row.strategy} has at most ${unitsAtMost(row.strategy)} units` });
  }

  /** Completes adjustments that a crash left half done, or that are under way. Resolves to their ids. */
  async finishAll(saleId: string, cause: Cause): Promise<string[]> {
    const rows = await this.database.query<AdjustmentRow>(
      `${selectRows} AND a.status IN ('pending', 'in_database')`, [saleId]);
    const finished: string[] = [];
    for (const row of rows) {
      // What one segment lacks, others may have: only who looks at all of them refuses for good.
      const status = await this.finish(row, cause, !isSegment(saleId)).catch((error: unknown) => {
        if (!(error instanceof ProblemError && error.code === 'SOLD_OUT')) throw error;
      });
      if (status !== 'pending') finished.push(row.id);
    }
    return finished;
  }

  /** The ids that the total contains; read it under a lock of the stock row, with the total. */
  async idsInTotal(transaction: Transaction, saleId: string): Promise<string[]> {
    const rows = await transaction.query<{ id: string }>(
      `SELECT id FROM stock_adjustments WHERE sale_id = ? AND status IN ('in_database', 'done')`,
      [saleId]);
    return rows.map(({ id }) => id);
  }

  private async finish(row: AdjustmentRow, cause: Cause,
    isFinal: boolean): Promise<Exclude<AdjustmentStatus, 'in_database'>> {
    switch (row.status) {
      case 'done': case 'refused': return row.status;
      case 'pending':
      case 'in_database': break;
      default: assertUnreachable(row.status);
    }
    if (row.delta < 0) return this.decrease(row, cause, isFinal);
    if (isForDatabase(row)) {
      // Redis, if it has a part in the sale, learns of it by the next load.
      await this.applyToDatabase(row, 'done', cause);
    } else {
      await this.applyToDatabase(row, 'in_database', cause);
      failpoint('adjust-between-sides');
      await this.applyToRedis(row);
      await this.mark(this.database, row, 'in_database', 'done');
    }
    return 'done';
  }

  /**
   * Whoever asks for the same decrease meanwhile waits for the row: he must not find units that have
   * come back since the first was refused.
   */
  private async decrease(row: AdjustmentRow, cause: Cause,
    isFinal: boolean): Promise<'done' | 'refused' | 'pending'> {
    const { status, total } = await this.database.transaction(async (transaction) => {
      const [current] = await transaction.query<{ status: AdjustmentStatus }>(
        'SELECT status FROM stock_adjustments WHERE sale_id = ? AND id = ? FOR UPDATE',
        [row.sale_id, row.id]);
      if (current?.status !== 'pending') {
        return { status: current?.status === 'done' ? 'done' as const : 'refused' as const };
      }
      const isInDatabase = isForDatabase(row);
      // Which units are free, nobody knows before an operator has decided about lost orders.
      if (row.gate === 'closed' && !isInDatabase) throw beingLoaded();
      const isThere = isInDatabase ? await this.isFree(transaction, row) : await this.applyToRedis(row);
      if (!isThere) {
        if (!isFinal) return { status: 'pending' as const };
        await this.mark(transaction, row, 'pending', 'refused');
        return { status: 'refused' as const };
      }
      failpoint('adjust-between-sides');
      return { status: 'done' as const, total: await this.move(transaction, row, 'done', cause) };
    });
    this.audit(row, total, cause);
    return status;
  }

  /** Where the database is the gate: whether a decrease finds its units, which then stay there. */
  private async isFree(transaction: Transaction, { sale_id: saleId, delta }: AdjustmentRow) {
    const [row] = await transaction.query<{ free: number }>(
      'SELECT total - allocated AS free FROM sale_stock WHERE sale_id = ? FOR UPDATE', [saleId]);
    return row !== undefined && row.free >= -delta;
  }

  /** False when a decrease finds fewer units available. Throws when Redis is away or recovering. */
  private async applyToRedis(row: AdjustmentRow): Promise<boolean> {
    const { meta, adjustments, tokens } = this.redis.keys(row.sale_id);
    const [code] = await this.redis.runFenced('adjust', [meta, adjustments, tokens],
      (boot) => [row.id, row.delta, boot, row.epoch]) as [number, number];
    if (code === 1 || code === 2) return true;
    if (code === -1) return false;
    throw beingLoaded();
  }

  private async applyToDatabase(row: AdjustmentRow, to: AdjustmentStatus, cause: Cause) {
    const total = await this.database.transaction((transaction) =>
      this.move(transaction, row, to, cause));
    this.audit(row, total, cause);
  }

  /**
   * Moves the row and the total together; whoever comes second does nothing. Resolves to the new
   * total, undefined when nothing was done. Throws SOLD_OUT when orders hold more than that, and
   * TEMPORARILY_UNAVAILABLE when the sale was loaded since the row was read.
   */
  private async move(transaction: Transaction, row: AdjustmentRow, to: AdjustmentStatus,
    cause: Cause): Promise<number | undefined> {
    if (!await this.mark(transaction, row, 'pending', to)) return undefined;
    if (!await this.book.resize(transaction, row.sale_id, row.strategy, row.delta)) {
      throw noLongerThere(row);
    }
    const { affectedRows } = await transaction.execute(
      `UPDATE sale_stock SET total = total + ?
        WHERE sale_id = ? AND epoch = ? AND allocated <= total + ?`,
      [row.delta, row.sale_id, row.epoch, row.delta]);
    const [stock] = await transaction.query<{ total: number; allocated: number; epoch: number }>(
      'SELECT total, allocated, epoch FROM sale_stock WHERE sale_id = ?', [row.sale_id]);
    if (stock?.epoch !== row.epoch) throw beingLoaded();
    if (affectedRows !== 1) throw noLongerThere(row);
    await transaction.execute(
      `INSERT INTO stock_ledger (sale_id, movement_id, kind, rid, available_delta, allocated_delta,
        allocated_before, allocated_after, source, user_id, ip, trace_id)
        VALUES (?, ?, 'stock', NULL, ?, 0, ?, ?, ?, ?, ?, ?)`,
      [row.sale_id, `adjust:${row.id}`, row.delta, stock.allocated, stock.allocated, cause.source,
        row.actor, cause.ip, cause.traceId]);
    return stock.total;
  }

  private async mark(where: Pick<Transaction, 'execute'>, row: AdjustmentRow,
    from: AdjustmentStatus, to: AdjustmentStatus): Promise<boolean> {
    const { affectedRows } = await where.execute(
      'UPDATE stock_adjustments SET status = ? WHERE sale_id = ? AND id = ? AND status = ?',
      [to, row.sale_id, row.id, from]);
    return affectedRows === 1;
  }

  /** One structured line per change; call it once the transaction has committed. */
  private audit(row: AdjustmentRow, total: number | undefined, cause: Cause): void {
    if (total === undefined) return;
    this.logger.log({ msg: 'stock change', kind: 'stock', saleId: row.sale_id, userId: row.actor,
      quantity: row.delta, before: total - row.delta, after: total, ...cause });
  }

  private find(saleId: string, id: string): Promise<AdjustmentRow[]> {
    return this.database.query<AdjustmentRow>(`${selectRows} AND a.id = ?`, [saleId, id]);
  }
}

/** Redis has no part in it: of a draft there is nothing in Redis yet. */
function isForDatabase({ sale_status: status, gate }: AdjustmentRow): boolean {
  return status === 'draft' || gate === 'database';
}

function beingLoaded(): ProblemError {
  return new TemporarilyUnavailable(
    'The sale is not loaded or is being recovered. Ask again with the same Idempotency-Key.');
}

function noLongerThere(row: AdjustmentRow): ProblemError {
  return new ProblemError('SOLD_OUT',
    `Fewer than ${-row.delta} units are left; the stock was not changed.`);
}

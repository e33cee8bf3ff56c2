import { Injectable, Logger } from '@nestjs/common';
import { Database, type Transaction } from '../infra/database';
import type { StockStrategy } from '../sale';
import type { Turn } from './deduction/deduction';
import { Deductions } from './deduction/deductions';
import type { Movement } from './movement';
import { NothingHeld } from './refusal';

/** A ledger row as written, for the audit line after the commit. */
export interface LedgerRow extends Movement {
  saleId: string;
  kind: 'allocate' | 'release' | 'stock';
  before: number;
  after: number;
}

/** Of strategies without locks. */
const freeTurn: Turn = { token: 0, leave: async () => undefined };

/** What the book must know of a sale. */
export interface AllocatedSale {
  saleId: string;
  limitPerUser: number;
  strategy: StockStrategy;
}

/** Others were faster or hold what may come back: the whole transaction may be tried again. */
export class StockBusy extends NothingHeld {
  constructor() {
    super('Others are buying at this moment. Ask again with the same Idempotency-Key.');
  }
}

/**
 * The database side of stock: the guarded statements that decide what is sold, the limit per buyer,
 * and the ledger. Every method runs inside the caller's transaction, after its statements on order
 * rows: order rows, quotas, then the sale row, always in this sequence.
 */
@Injectable()
export class StockBook {
  private readonly logger = new Logger('StockAudit');

  constructor(
    private readonly database: Database,
    private readonly deductions: Deductions,
  ) {}

  /** A sale begins with, gets or loses units beside its total. False: so many are not free. */
  async resize(transaction: Transaction, saleId: string, strategy: StockStrategy,
    delta: number): Promise<boolean> {
    return await this.deductions.of(strategy)?.resize?.(transaction, saleId, delta) ?? true;
  }

  /** Whether buyers of this strategy have locks of their own, so that each must come alone. */
  hasTurns(strategy: StockStrategy): boolean {
    return this.deductions.of(strategy)?.enter !== undefined;
  }

  /** The right to allocate for this buyer, where the strategy has locks. Throws `StockBusy`. */
  async enter(sale: { saleId: string; strategy: StockStrategy }, userId: string): Promise<Turn> {
    const deduction = this.deductions.of(sale.strategy);
    if (!deduction?.enter) return freeTurn;
    const turn = await deduction.enter(sale.saleId, userId);
    if (!turn) throw new StockBusy();
    return turn;
  }

  /** Units that the database could still give away, by sale id. */
  async available(saleIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (saleIds.length === 0) return new Map();
    const rows = await this.database.query<{ sale_id: string; free: number }>(
      'SELECT sale_id, total - allocated AS free FROM sale_stock WHERE sale_id IN (?)', [saleIds]);
    return new Map(rows.map(({ sale_id: saleId, free }) => [saleId, free]));
  }

  /**
   * Gives units to orders whose rows this transaction inserted or thawed. Resolves to the ledger rows, or to
   * undefined when the sum does not fit the stock or the epoch has passed. Throws a check violation
   * (`isCheckViolation`) when a buyer would exceed the limit, and `StockBusy`. In any case: roll back.
   * `token`: of the turn that `enter` gave, 0 without one.
   */
  async allocate(
    transaction: Transaction,
    sale: AllocatedSale & { epoch: number; highestSeq: number },
    movements: readonly Movement[],
    token = 0,
  ): Promise<LedgerRow[] | undefined> {
    await this.changeQuotas(transaction, '+', sale.saleId, sale.limitPerUser, movements);
    const taking = await this.deductions.of(sale.strategy)
      ?.take(transaction, sale.saleId, movements, token);
    if (taking === 'busy') throw new StockBusy();
    if (taking === 'gone') return undefined;
    const quantity = sum(movements);
    const { affectedRows, insertId } = await transaction.execute(
      `UPDATE sale_stock
          SET seq = GREATEST(seq, ?), allocated = LAST_INSERT_ID(allocated + ?)
        WHERE sale_id = ? AND epoch = ? AND allocated + ? <= total`,
      [sale.highestSeq, quantity, sale.saleId, sale.epoch, quantity]);
    if (affectedRows !== 1) return undefined;
    const allocated = await this.allocatedNow(transaction, sale.saleId, insertId);
    return this.write(transaction, sale.saleId, 'allocate', allocated - quantity, movements);
  }

  /** Takes the units of orders back whose rows this transaction froze or made final. */
  async release(transaction: Transaction, sale: AllocatedSale,
    movements: readonly Movement[]): Promise<LedgerRow[]> {
    await this.changeQuotas(transaction, '-', sale.saleId, sale.limitPerUser, movements);
    await this.deductions.of(sale.strategy)?.giveBack?.(transaction, sale.saleId, movements);
    const quantity = sum(movements);
    const { affectedRows, insertId } = await transaction.execute(
      `UPDATE sale_stock SET allocated = LAST_INSERT_ID(allocated - ?)
        WHERE sale_id = ? AND allocated >= ?`, [quantity, sale.saleId, quantity]);
    if (affectedRows !== 1) throw new Error(`Sale ${sale.saleId} has fewer units out than come back`);
    const allocated = await this.allocatedNow(transaction, sale.saleId, insertId);
    return this.write(transaction, sale.saleId, 'release', allocated + quantity, movements);
  }

  /** One structured line per change; call it once the transaction has committed. */
  audit(rows: readonly LedgerRow[]): void {
    for (const { saleId, kind, rid, userId, quantity, before, after, cause } of rows) {
      this.logger.log({ msg: 'stock change', kind, saleId, rid, userId, quantity, before, after,
        ...cause });
    }
  }

  /**
   * LAST_INSERT_ID(x) hands the new value back with the answer of the statement that made it, `insertId`.
   * Not through every server in between: one that sends 0 is asked, too, while the row is locked.
   */
  private async allocatedNow(transaction: Transaction, saleId: string,
    insertId: number): Promise<number> {
    if (insertId > 0) return insertId;
    const [row] = await transaction.query<{ allocated: number }>(
      'SELECT allocated FROM sale_stock WHERE sale_id = ?', [saleId]);
    if (!row) throw new Error(`Sale ${saleId} has no stock row`);
    return row.allocated;
  }

  private async changeQuotas(transaction: Transaction, sign: '+' | '-', saleId: string,
    limitPerUser: number, movements: readonly Movement[]): Promise<void> {
    const units = new Map<string, number>();
    for (const { userId, quantity } of movements) {
      units.set(userId, (units.get(userId) ?? 0) + quantity);
    }
    // Sorted, so that two batches with the same buyers lock them in the same sequence.
    const rows = [...units].sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([userId, quantity]) => [saleId, userId, quantity, limitPerUser]);
    await transaction.execute(
      `INSERT INTO buyer_quotas (sale_id, user_id, quantity, limit_per_user) VALUES ?
        ON DUPLICATE KEY UPDATE quantity = quantity ${sign} VALUES(quantity)`, [rows]);
  }

  private async write(transaction: Transaction, saleId: string, kind: 'allocate' | 'release',
    allocatedBefore: number, movements: readonly Movement[]): Promise<LedgerRow[]> {
    const sign = kind === 'allocate' ? 1 : -1;
    let before = allocatedBefore;
    const rows = movements.map((movement): LedgerRow => {
      const after = before + sign * movement.quantity;
      const row = { ...movement, saleId, kind, before, after };
      before = after;
      return row;
    });
    await transaction.execute(
      `INSERT INTO stock_ledger (sale_id, movement_id, kind, rid, available_delta, allocated_delta,
        allocated_before, allocated_after, source, user_id, ip, trace_id) VALUES ?`,
      [rows.map((row) => [saleId, movementId(kind, row), kind, row.rid, row.before - row.after,
        row.after - row.before, row.before, row.after, row.cause.source, row.userId, row.cause.ip,
        row.cause.traceId])]);
    return rows;
  }
}

/** The hold is named from the second on, so that each moves its units once in either direction. */
function movementId(kind: 'allocate' | 'release', { rid, hold = 1 }: Movement): string {
  return hold === 1 ? `${kind}:${rid}` : `${kind}:${rid}:${hold}`;
}

function sum(movements: readonly Movement[]): number {
  return movements.reduce((total, { quantity }) => total + quantity, 0);
}

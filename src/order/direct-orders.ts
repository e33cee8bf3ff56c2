import { Injectable } from '@nestjs/common';
import { bulkhead, BulkheadRejectedError, type BulkheadPolicy } from 'cockatiel';
import { Database, isCheckViolation, isDuplicateKey, type Transaction } from '../infra/database';
import { Metrics } from '../infra/metrics';
import { ProblemError } from '../kernel';
import type { Sale, SaleStatus } from '../sale';
import { fingerprint, StockBook, StockBusy, type LedgerRow, type OutboxEntry, type RefusalReason,
  type ReserveRequest, type Turn } from '../stock';
import type { Order } from './order';
import { OrderFollowup } from './order-followup';
import { OrderStore } from './order-store';

/** Writers of one sale at a time: more would only wait for each other at its stock row. */
const writersAtOnce = 4;
/** Buyers of one sale who wait for a writer; the rest is told to come back. */
const waitingAtMost = 1_000;
const waitAtMostMs = 2_000;
const attempts = 5;

/** What a purchase came to where the database is the gate; `isNew`: not the answer to an earlier one. */
export type DirectOutcome =
  | { kind: 'written'; order: Order; isNew: boolean }
  | { kind: 'refused'; reason: RefusalReason };

/** The sale at the moment of the purchase, by the database's clock. */
interface Moment {
  status: SaleStatus;
  isBefore: 0 | 1;
  isAfter: 0 | 1;
  free: number;
  now: Date;
}

interface Written {
  order: Order;
  ledger: LedgerRow[];
}

/** Why a transaction has to be rolled back although the database works. */
class Refused extends Error {
  constructor(readonly reason: RefusalReason) { super(reason); }
}

/**
 * Purchases where the database is the gate: of sales that are without Redis for now, and of those
 * whose strategy lives here. One transaction holds the units and writes the order, so its answer is
 * final. Slow beside Redis, therefore behind a bulkhead that keeps the database working.
 */
@Injectable()
export class DirectOrders {
  private readonly bulkheads = new Map<string, BulkheadPolicy>();

  constructor(
    private readonly database: Database,
    private readonly store: OrderStore,
    private readonly book: StockBook,
    private readonly followup: OrderFollowup,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Writes the order, exactly once per rid; asking again is always safe. `epoch`: under which the
   * caller was told that the database is the gate. Throws TEMPORARILY_UNAVAILABLE when too many wait,
   * when the gate has moved since, or the database is away.
   */
  async place(sale: Sale, request: ReserveRequest, epoch: number): Promise<DirectOutcome> {
    const endTimer = this.metrics.inventoryDecrDurationSeconds.startTimer();
    let result = 'error';
    try {
      const outcome = await this.inTurn(sale.id, () => this.attempt(sale, request, epoch));
      if (outcome.kind === 'refused') result = outcome.reason.toLowerCase();
      else result = outcome.isNew ? 'held' : 'replayed';
      return outcome;
    } finally {
      endTimer();
      this.metrics.inventoryDecrTotal.inc({ result, source: request.source });
    }
  }

  private async inTurn(saleId: string,
    work: () => Promise<DirectOutcome>): Promise<DirectOutcome> {
    const queue = this.bulkheads.get(saleId) ?? bulkhead(writersAtOnce, waitingAtMost);
    this.bulkheads.set(saleId, queue);
    const askedAt = performance.now();
    try {
      return await queue.execute(() => {
        if (performance.now() - askedAt > waitAtMostMs) throw comeBack();
        return work();
      });
    } catch (error) {
      throw error instanceof BulkheadRejectedError ? comeBack() : error;
    }
  }

  private async attempt(sale: Sale, request: ReserveRequest, epoch: number): Promise<DirectOutcome> {
    const known = await this.store.find(request.rid);
    if (known) return replay(known, request);
    try {
      const { order, ledger } = await this.writeInTurn(sale, request, epoch);
      this.book.audit(ledger);
      this.metrics.orderStatusTotal.inc({ status: order.status });
      this.followup.announce([order]);
      return { kind: 'written', order, isNew: true };
    } catch (error) {
      if (error instanceof Refused) return { kind: 'refused', reason: error.reason };
      if (isCheckViolation(error)) return { kind: 'refused', reason: 'LIMIT_EXCEEDED' };
      const written = isDuplicateKey(error) ? await this.store.find(request.rid) : undefined;
      if (!written) throw error;
      return replay(written, request);
    }
  }

  /** Who was overtaken tries again, a few times: under a rush that may well be in vain. */
  private async writeInTurn(sale: Sale, request: ReserveRequest, epoch: number): Promise<Written> {
    const turn = await this.book.enter({ saleId: sale.id, strategy: sale.strategy }, request.userId);
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await this.database.transaction((transaction) =>
            this.write(transaction, sale, request, epoch, turn));
        } catch (error) {
          if (!(error instanceof StockBusy)) throw error;
          this.metrics.inventoryVersionConflictTotal.inc({ sku_id: sale.product.id });
          if (attempt === attempts) throw error;
        }
      }
    } finally {
      await turn.leave();
    }
  }

  private async write(transaction: Transaction, sale: Sale, request: ReserveRequest,
    epoch: number, { token }: Turn): Promise<Written> {
    const { rid, userId, quantity, traceId, ip, source } = request;
    const { now } = await this.check(transaction, sale.id, quantity);
    const window = request.payWindowSeconds || sale.payWindowSeconds;
    // Number 0: Redis did not number it.
    const entry: OutboxEntry = { rid, userId, quantity, fingerprint: fingerprint(quantity), epoch,
      seq: 0, reservedAtMs: now.getTime(), traceId, ip,
      ...(request.deviceId !== undefined && { deviceId: request.deviceId }) };
    const [order] = await this.store.insert(transaction, sale, [entry],
      { status: 'pending_payment', expiresAt: () => new Date(now.getTime() + window * 1_000), now });
    if (!order) throw new Error(`No row came of ${rid}`);
    await this.spend(transaction, request);
    const ledger = await this.book.allocate(transaction,
      { saleId: sale.id, limitPerUser: sale.limitPerUser, strategy: sale.strategy, epoch,
        highestSeq: 0 },
      [{ rid, userId, quantity, cause: { source, ip, traceId } }], token);
    if (!ledger) throw await this.whyNot(transaction, sale.id, quantity);
    return { order, ledger };
  }

  /** Throws why nobody can buy now, in the order in which the reserve script does. */
  private async check(transaction: Transaction, saleId: string, quantity: number): Promise<Moment> {
    const [moment] = await transaction.query<Moment>(
      `SELECT status, NOW(3) < opens_at AS isBefore, NOW(3) >= closes_at AS isAfter,
          total - allocated AS free, NOW(3) AS now
        FROM sales JOIN sale_stock ON sale_id = id WHERE id = ?`, [saleId]);
    if (!moment) throw new Error(`Sale ${saleId} has no stock row`);
    if (moment.status === 'paused') throw new Refused('SALE_PAUSED');
    if (moment.status !== 'active' || moment.isAfter === 1) throw new Refused('SALE_CLOSED');
    if (moment.isBefore === 1) throw new Refused('SALE_NOT_OPEN');
    if (moment.free < quantity) throw new Refused('SOLD_OUT');
    return moment;
  }

  /** A proof buys once: its row and the order's are written together. */
  private async spend(transaction: Transaction,
    { saleId, rid, saleTokenId, captchaId }: ReserveRequest): Promise<void> {
    const proofs = [[saleTokenId, 'SALE_TOKEN_INVALID'], [captchaId, 'CAPTCHA_REQUIRED']] as const;
    for (const [proofId, reason] of proofs) {
      if (proofId === undefined || proofId === '') continue;
      const { affectedRows } = await transaction.execute(
        'INSERT IGNORE INTO spent_proofs (sale_id, proof_id, rid) VALUES (?, ?, ?)',
        [saleId, proofId, rid]);
      if (affectedRows === 0) throw new Refused(reason);
    }
  }

  /** The guarded statement found nothing to change: another took the last unit, or the gate moved. */
  private async whyNot(transaction: Transaction, saleId: string, quantity: number): Promise<Error> {
    await this.check(transaction, saleId, quantity);
    return comeBack();
  }
}

function replay(order: Order, { userId, quantity }: ReserveRequest): DirectOutcome {
  if (order.userId !== userId) throw new Error(`${order.id} is another buyer's order`);
  if (order.fingerprint !== fingerprint(quantity)) {
    return { kind: 'refused', reason: 'IDEMPOTENCY_KEY_REUSED' };
  }
  return { kind: 'written', order, isNew: false };
}

function comeBack(): ProblemError {
  return new ProblemError('TEMPORARILY_UNAVAILABLE', 'Too many buyers wait at the moment, or the '
    + 'sale is being recovered. Ask again with the same Idempotency-Key.',
  { headers: { 'Retry-After': '1' } });
}

import { Injectable } from '@nestjs/common';
import { Database, isCheckViolation, isDuplicateKey, type Transaction } from '../infra/database';
import { failpoint } from '../infra/failpoint';
import { Metrics } from '../infra/metrics';
import type { Sale, SaleStatus } from '../sale';
import { fingerprint, NothingHeld, StockBook, StockBusy, type LedgerRow, type OutboxEntry,
  type RefusalReason, type ReserveRequest, type StockFence, type Turn } from '../stock';
import { decide, proofsOf, replay, type DirectFacts, type DirectOutcome } from './direct-decision';
import type { Order } from './order';
import { OrderFollowup } from './order-followup';
import { OrderStore } from './order-store';

const attempts = 5;

/** The sale by the database's clock, with its units. */
interface Moment {
  status: SaleStatus;
  isBefore: 0 | 1;
  isAfter: 0 | 1;
  free: number;
  epoch: number;
  gate: StockFence['gate'];
  now: Date;
}

interface Written {
  outcomes: DirectOutcome[];
  orders: Order[];
  ledger: LedgerRow[];
}

/** The guarded statement found nothing to change: what had been read is no longer so. */
class Overtaken extends Error {}

/**
 * Holds the units of several purchases and writes their orders in one transaction, so that a commit,
 * and the time in which the sale's row is locked, is shared by many.
 */
@Injectable()
export class DirectWriter {
  constructor(
    private readonly database: Database,
    private readonly store: OrderStore,
    private readonly book: StockBook,
    private readonly followup: OrderFollowup,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Purchases of one sale; an outcome for each, in their sequence. Of a strategy with locks: one.
   * Who was overtaken decides anew, a few times, together with the others and then alone. Rejects
   * with TEMPORARILY_UNAVAILABLE when the epoch has passed, and when the database is away.
   */
  async write(sale: Sale, epoch: number,
    requests: readonly ReserveRequest[]): Promise<PromiseSettledResult<DirectOutcome>[]> {
    try {
      const outcomes = await this.inTurn(sale, epoch, requests);
      return outcomes.map((value) => ({ status: 'fulfilled', value }));
    } catch (error) {
      if (requests.length < 2 || !isOvertaken(error)) throw error;
    }
    const results: PromiseSettledResult<DirectOutcome>[] = [];
    for (const request of requests) {
      // One by one, and each with an answer of his own: what is committed stays so.
      results.push(...await Promise.allSettled([this.inTurn(sale, epoch, [request])
        .then(([outcome]) => outcome ?? notAnswered())]));
    }
    return results;
  }

  private async inTurn(sale: Sale, epoch: number,
    requests: readonly ReserveRequest[]): Promise<DirectOutcome[]> {
    const turn = await this.book.enter({ saleId: sale.id, strategy: sale.strategy },
      requests[0]?.userId ?? '');
    try {
      const { outcomes, orders, ledger } = await this.persist(sale, epoch, requests, turn);
      failpoint('direct-after-commit');
      this.book.audit(ledger);
      this.metrics.orderStatusTotal.inc({ status: 'pending_payment' }, orders.length);
      if (orders.length > 0) this.followup.announce(orders);
      return outcomes;
    } finally {
      // What is committed stays so, and a lock that is not given up runs out.
      await turn.leave().catch(() => undefined);
    }
  }

  private async persist(sale: Sale, epoch: number, requests: readonly ReserveRequest[],
    turn: Turn): Promise<Written> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.database.transaction((transaction) =>
          this.decideAndWrite(transaction, sale, epoch, requests, turn));
      } catch (error) {
        if (!isOvertaken(error)) throw error;
        this.metrics.inventoryVersionConflictTotal.inc({ sku_id: sale.product.id });
        if (attempt === attempts) throw isCheckViolation(error) ? error : new StockBusy();
      }
    }
  }

  private async decideAndWrite(transaction: Transaction, sale: Sale, epoch: number,
    requests: readonly ReserveRequest[], turn: Turn): Promise<Written> {
    const moment = await this.momentOf(transaction, sale.id);
    if (moment.epoch !== epoch || moment.gate !== 'database') throw gateMoved();
    const facts = await this.facts(transaction, sale, moment, requests);
    const decisions = decide(requests, facts);
    const begun = new Map<string, ReserveRequest>();
    requests.forEach((request, index) => {
      if (!decisions[index] && !begun.has(request.rid)) begun.set(request.rid, request);
    });
    // In the order of the key, so that two batches with the same rids cannot lock each other.
    const chosen = [...begun.values()].sort((a, b) => (a.rid < b.rid ? -1 : 1));
    const orders = chosen.length === 0 ? []
      : await this.insert(transaction, sale, epoch, moment.now, chosen);
    const ledger = chosen.length === 0 ? []
      : await this.allocate(transaction, sale, epoch, chosen, turn);
    if (orders.length > 0) failpoint('direct-before-commit');
    const written = new Map(orders.map((order) => [order.id, order]));
    return { orders, ledger, outcomes: requests.map((request, index) =>
      decisions[index] ?? outcomeOf(request, written, begun)) };
  }

  private async momentOf(transaction: Transaction, saleId: string): Promise<Moment> {
    const [moment] = await transaction.query<Moment>(
      `SELECT status, NOW(3) < opens_at AS isBefore, NOW(3) >= closes_at AS isAfter,
          total - allocated AS free, epoch, gate, NOW(3) AS now
        FROM sales JOIN sale_stock ON sale_id = id WHERE id = ?`, [saleId]);
    if (!moment) throw new Error(`Sale ${saleId} has no stock row`);
    return moment;
  }

  private async facts(transaction: Transaction, { id: saleId, limitPerUser }: Sale, moment: Moment,
    requests: readonly ReserveRequest[]): Promise<DirectFacts> {
    const { free } = moment;
    const refusal = refusalAt(moment);
    const known = await this.store.findMany(requests.map(({ rid }) => rid), saleId, transaction);
    const orders = new Map(known.map((order) => [order.id, order]));
    const facts = { free, limitPerUser, orders, held: new Map<string, number>(),
      spentProofs: new Set<string>(), ...(refusal && { refusal }) };
    if (refusal || free === 0) return facts;
    const quotas = await transaction.query<{ user_id: string; quantity: number }>(
      'SELECT user_id, quantity FROM buyer_quotas WHERE sale_id = ? AND user_id IN (?)',
      [saleId, requests.map(({ userId }) => userId)]);
    for (const { user_id: userId, quantity } of quotas) facts.held.set(userId, quantity);
    const proofs = requests.flatMap(proofsOf);
    if (proofs.length === 0) return facts;
    const spent = await transaction.query<{ proof_id: string }>(
      'SELECT proof_id FROM spent_proofs WHERE sale_id = ? AND proof_id IN (?)', [saleId, proofs]);
    for (const { proof_id: proofId } of spent) facts.spentProofs.add(proofId);
    return facts;
  }

  /** The orders' rows, and those of the proofs that they spend. */
  private async insert(transaction: Transaction, sale: Sale, epoch: number, now: Date,
    requests: readonly ReserveRequest[]): Promise<Order[]> {
    const entries = requests.map(({ rid, userId, quantity, traceId, ip, deviceId,
      payWindowSeconds }): OutboxEntry => ({ rid, userId, quantity, epoch, traceId, ip,
      // Number 0: Redis did not number it.
      seq: 0, fingerprint: fingerprint(quantity), reservedAtMs: now.getTime(),
      ...(deviceId !== undefined && { deviceId }), ...(payWindowSeconds && { payWindowSeconds }) }));
    const orders = await this.store.insert(transaction, sale, entries, { status: 'pending_payment',
      now, expiresAt: ({ payWindowSeconds = sale.payWindowSeconds }) =>
        new Date(now.getTime() + payWindowSeconds * 1_000) });
    const spent = requests.flatMap((request) =>
      proofsOf(request).map((proofId) => [sale.id, proofId, request.rid]));
    if (spent.length > 0) {
      await transaction.execute('INSERT INTO spent_proofs (sale_id, proof_id, rid) VALUES ?', [spent]);
    }
    return orders;
  }

  private async allocate(transaction: Transaction, sale: Sale, epoch: number,
    requests: readonly ReserveRequest[], { token }: Turn): Promise<LedgerRow[]> {
    const { id: saleId, limitPerUser, strategy } = sale;
    const ledger = await this.book.allocate(transaction,
      { saleId, limitPerUser, strategy, epoch, highestSeq: 0 },
      requests.map(({ rid, userId, quantity, source, ip, traceId }) =>
        ({ rid, userId, quantity, cause: { source, ip, traceId } })), token);
    if (!ledger) throw new Overtaken();
    return ledger;
  }
}

/** Why nobody can buy at this moment, in the order in which the reserve script asks. */
function refusalAt({ status, isBefore, isAfter }: Moment): RefusalReason | undefined {
  if (isAfter === 1 || (status !== 'active' && status !== 'paused')) return 'SALE_CLOSED';
  if (status === 'paused') return 'SALE_PAUSED';
  return isBefore === 1 ? 'SALE_NOT_OPEN' : undefined;
}

/** The first request with an id is the one that its order was written for. */
function outcomeOf(request: ReserveRequest, written: ReadonlyMap<string, Order>,
  begun: ReadonlyMap<string, ReserveRequest>): DirectOutcome {
  const order = written.get(request.rid);
  if (!order) throw new Error(`No row came of ${request.rid}`);
  return begun.get(request.rid) === request ? { kind: 'written', order, isNew: true }
    : replay(order, request);
}

function notAnswered(): never {
  throw new Error('A purchase has no outcome');
}

function gateMoved(): NothingHeld {
  return new NothingHeld(
    'The sale is being recovered. Ask again with the same Idempotency-Key.');
}

/** Others wrote at the same time: on what is there now the decision may be another. */
function isOvertaken(error: unknown): boolean {
  return error instanceof Overtaken || error instanceof StockBusy || isDuplicateKey(error)
    || isCheckViolation(error);
}

import { Injectable } from '@nestjs/common';
import type { Identity } from '../auth';
import { type ProblemCode, ProblemError, TemporarilyUnavailable } from '../kernel';
import { AcknowledgedPurchases, OrderStore, toView, type HoldOutcome, type OrderView } from '../order';
import { isRedisStrategy, SaleCatalog, stockIdOf } from '../sale';
import { fingerprint, NothingHeld, refusal, StockGate, StockReader } from '../stock';
import { Admission } from './admission/admission';
import type { Admitted, Attempt } from './admission/attempt';
import { Holding, isAlive, isNewHold } from './holding';
import { PurchaseDurability } from './purchase-durability';
import { Turnstile } from './turnstile';

/** A purchase as it came in; `waitSeconds` is that of `Prefer: wait=n`, 0 when not asked. */
export interface PurchaseRequest {
  saleId: string;
  buyer: Identity;
  quantity: number;
  key: string;
  waitSeconds: number;
  ip: string;
  traceId: string;
  deviceId?: string;
  saleToken?: string;
  captchaToken?: string;
  /** Nobody hears the answer any more. */
  hasLeft: () => boolean;
}

/** `created`: this request's wait saw the row; `known`: the answer to an earlier request again. */
export interface PurchaseAnswer {
  kind: 'accepted' | 'created' | 'known';
  order: OrderView;
}

/** What became of an attempt, whoever decided it. */
interface Decided {
  attempt: Attempt;
  outcome: HoldOutcome;
}

/** Layers that ask for something which the retry of a successful purchase need not have again. */
const overruledByEarlierPurchase: ReadonlySet<ProblemCode> =
  new Set(['SALE_TOKEN_INVALID', 'CAPTCHA_REQUIRED', 'RISK_REJECTED', 'LIMIT_EXCEEDED']);

/** The buying call behind the front gate: the layers of the funnel, then the stock. */
@Injectable()
export class Purchase {
  constructor(
    private readonly catalog: SaleCatalog,
    private readonly admission: Admission,
    private readonly gate: StockGate,
    private readonly holding: Holding,
    private readonly acknowledged: AcknowledgedPurchases,
    private readonly reader: StockReader,
    private readonly orders: OrderStore,
    private readonly durability: PurchaseDurability,
    private readonly turnstile: Turnstile,
  ) {}

  /**
   * Holds units for the buyer, or says why not, by a ProblemError: NOT_FOUND, those of the layers
   * (`Admission`), SOLD_OUT, LIMIT_EXCEEDED, SALE_NOT_OPEN, SALE_CLOSED, SALE_PAUSED,
   * IDEMPOTENCY_KEY_REUSED, or TEMPORARILY_UNAVAILABLE, after which the same request may be sent
   * again.
   */
  async place(request: PurchaseRequest): Promise<PurchaseAnswer> {
    const { saleId, buyer, hasLeft } = request;
    const live = this.catalog.peek(saleId);
    const stockId = live && stockIdOf(live, buyer.userId);
    // Who asks the database, for its units or for a sale that he made up, waits there.
    const asksRedisAlone = stockId !== undefined && !this.gate.isInDatabase(stockId);
    const { attempt, outcome } = await (asksRedisAlone
      ? this.turnstile.pass({ saleId, hasLeft }, (waitedMs) => this.decide(request, waitedMs))
      : this.decide(request, 0));
    return this.answer(attempt, request.waitSeconds, outcome);
  }

  private async decide({ buyer, key, ...rest }: PurchaseRequest, waitedMs: number): Promise<Decided> {
    const { userId } = buyer;
    const live = this.catalog.peek(rest.saleId);
    const withoutRedis = live !== undefined
      && await this.gate.isWithoutRedis(stockIdOf(live, userId));
    // Counted before it may cost a look into the database: anybody can make up sales.
    await this.admission.count({ userId, ip: rest.ip, deviceId: rest.deviceId, sale: live,
      withoutRedis });
    const sale = live ?? await this.catalog.find(rest.saleId);
    if (!sale || sale.status === 'draft' || sale.segmentOf !== undefined) {
      throw new ProblemError('NOT_FOUND', 'There is no such sale.');
    }
    const stock = sale.segments === 1 ? sale : await this.catalog.findStock(sale, userId);
    const rid = this.gate.idOf(userId, stock.id, key);
    const attempt: Attempt = { ...rest, identity: buyer, userId, sale, stock, rid, withoutRedis,
      waitedMs };
    // Redis has forgotten a sale that is long over, one segment perhaps before the others; the database
    // knows earlier answers.
    if (stock.retiredAtMs !== undefined) {
      return { attempt, outcome: await this.rowOf(attempt, refusal('SALE_CLOSED', sale)) };
    }
    let admitted: Admitted;
    try {
      admitted = await this.admission.admit(attempt);
    } catch (error) {
      return { attempt, outcome: await this.earlierOutcome(attempt, error) };
    }
    return { attempt, outcome: await this.hold(attempt, admitted) };
  }

  private async hold(attempt: Attempt, admitted: Admitted): Promise<HoldOutcome> {
    try {
      const outcome = await this.holding.hold(attempt, admitted);
      if (isNewHold(outcome)) this.admission.settle(attempt, admitted, 'held');
      else if (!isAlive(outcome)) this.admission.settle(attempt, admitted, 'refused');
      return outcome;
    } catch (error) {
      // After another failure the units may be held: what the layers remember ends by itself.
      if (error instanceof NothingHeld) this.admission.settle(attempt, admitted, 'refused');
      throw error;
    }
  }

  private async answer(attempt: Attempt, waitSeconds: number,
    outcome: HoldOutcome): Promise<PurchaseAnswer> {
    switch (outcome.kind) {
      case 'refused': throw refusal(outcome.reason, attempt.sale);
      case 'not_loaded':
        throw new TemporarilyUnavailable(
          'The sale is being recovered. Ask again with the same Idempotency-Key.');
      case 'written': {
        const { order: row, isNew } = outcome;
        const order = toView({ kind: 'row', order: row });
        if (!isNew) return { kind: 'known', order };
        const isAwaited = waitSeconds > 0 || this.durability.isCommitted;
        return { kind: isAwaited ? 'created' : 'accepted', order };
      }
      case 'held':
        return this.accepted(attempt, heldView(attempt, outcome, 'reserved'), waitSeconds);
      case 'replayed': {
        const order = heldView(attempt, outcome, outcome.status);
        return outcome.status === 'reserved' ? this.accepted(attempt, order, waitSeconds)
          : { kind: 'known', order };
      }
    }
  }

  /**
   * A buyer whose first answer was lost asks again, with a proof that is spent or has run out: what
   * he bought then is his answer, whatever a layer thinks of him now.
   */
  private async earlierOutcome(attempt: Attempt, error: unknown): Promise<HoldOutcome> {
    if (!(error instanceof ProblemError) || !overruledByEarlierPurchase.has(error.code)) throw error;
    // Of a sale that Redis has no part in a process that has just begun knows no gate yet.
    const hasRedisSide = isRedisStrategy(attempt.sale.strategy);
    if (!hasRedisSide || this.gate.isInDatabase(attempt.stock.id)) return this.rowOf(attempt, error);
    const known = await this.reader.reservationForSure(attempt.stock.id, attempt.rid);
    if (!known) throw error;
    if (known.fingerprint !== fingerprint(attempt.quantity)) {
      throw refusal('IDEMPOTENCY_KEY_REUSED', attempt.sale);
    }
    const outcome = { kind: 'replayed', ...known } as const;
    this.acknowledged.remember({ ...attempt, saleId: attempt.stock.id }, outcome);
    return outcome;
  }

  private async accepted({ stock, rid }: Attempt, order: OrderView,
    waitSeconds: number): Promise<PurchaseAnswer> {
    const row = await this.durability.secure(stock.id, rid, waitSeconds);
    if (!row) return { kind: 'accepted', order };
    const view = toView({ kind: 'row', order: row });
    return { kind: row.status === 'pending_payment' ? 'created' : 'known', order: view };
  }

  /** The earlier outcome as the database knows it; throws `otherwise` when there was none. */
  private async rowOf({ sale, stock, rid, quantity }: Attempt,
    otherwise: Error): Promise<HoldOutcome> {
    const order = await this.orders.find(rid, stock.id);
    if (!order) throw otherwise;
    if (order.quantity !== quantity) throw refusal('IDEMPOTENCY_KEY_REUSED', sale);
    return { kind: 'written', order, isNew: false };
  }
}

function heldView({ sale, userId }: Attempt,
  held: { rid: string; quantity: number; reservedAtMs: number }, status: OrderView['status']) {
  return {
    id: held.rid, saleId: sale.id, userId, quantity: held.quantity,
    amount: { amount: sale.price.amount * held.quantity, currency: sale.price.currency }, status,
    createdAt: new Date(held.reservedAtMs).toISOString(),
  } satisfies OrderView;
}

import { Injectable } from '@nestjs/common';
import type { Identity } from '../auth';
import { Metrics } from '../infra/metrics';
import { ProblemError } from '../kernel';
import { OrderLife, OrderStore, toView, type OrderView } from '../order';
import { SaleCatalog, type Sale } from '../sale';
import { ReservationIds, StockGate, type ReserveOutcome, type ReserveRequest } from '../stock';
import { refusal } from './refusal';
import { RefusalCounts } from './refusal-counts';

/** A purchase as it came in; `waitSeconds` is that of `Prefer: wait=n`, 0 when not asked. */
export interface PurchaseRequest {
  saleId: string;
  buyer: Identity;
  quantity: number;
  key: string;
  waitSeconds: number;
  ip: string;
  traceId: string;
}

/** `created`: this request's wait saw the row; `known`: the answer to an earlier request again. */
export interface PurchaseAnswer {
  kind: 'accepted' | 'created' | 'known';
  order: OrderView;
}

/** The buying call: one round trip to Redis, none to the database unless the buyer waits for it. */
@Injectable()
export class Purchase {
  constructor(
    private readonly catalog: SaleCatalog,
    private readonly gate: StockGate,
    private readonly ids: ReservationIds,
    private readonly orders: OrderStore,
    private readonly life: OrderLife,
    private readonly counts: RefusalCounts,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Holds units for the buyer, or says why not, by a ProblemError: NOT_FOUND, SOLD_OUT,
   * LIMIT_EXCEEDED, SALE_NOT_OPEN, SALE_CLOSED, SALE_PAUSED, IDEMPOTENCY_KEY_REUSED, or
   * TEMPORARILY_UNAVAILABLE, after which the same request may be sent again.
   */
  async place(request: PurchaseRequest): Promise<PurchaseAnswer> {
    let outcome = 'error';
    try {
      const sale = await this.catalog.find(request.saleId);
      if (!sale || sale.status === 'draft') {
        throw new ProblemError('NOT_FOUND', 'There is no such sale.');
      }
      const answer = sale.retiredAtMs === undefined
        ? await this.answer(request, sale, await this.reserve(request))
        : await this.answerOfRetired(request, sale);
      outcome = answer.kind;
      return answer;
    } catch (error) {
      if (error instanceof ProblemError) {
        outcome = error.code.toLowerCase();
        if (error.code !== 'NOT_FOUND') this.counts.add(request.saleId, error.code);
      }
      throw error;
    } finally {
      this.metrics.purchaseRequestsTotal.inc({ outcome });
    }
  }

  private reserve({ saleId, buyer, key, quantity, traceId, ip }: PurchaseRequest) {
    return this.gate.reserve({ saleId, userId: buyer.userId, key, quantity, traceId, ip,
      source: 'purchase' } satisfies ReserveRequest);
  }

  private async answer(request: PurchaseRequest, sale: Sale,
    outcome: ReserveOutcome): Promise<PurchaseAnswer> {
    switch (outcome.kind) {
      case 'refused': throw refusal(outcome.reason, sale);
      case 'not_loaded':
        throw new ProblemError('TEMPORARILY_UNAVAILABLE',
          'The sale is being recovered. Ask again with the same Idempotency-Key.',
          { headers: { 'Retry-After': '1' } });
      case 'held':
        return this.accepted(request, heldView(request, sale, outcome, 'reserved'));
      case 'replayed': {
        const order = heldView(request, sale, outcome, outcome.status);
        return outcome.status === 'reserved' ? this.accepted(request, order)
          : { kind: 'known', order };
      }
    }
  }

  private async accepted(request: PurchaseRequest, order: OrderView): Promise<PurchaseAnswer> {
    if (request.waitSeconds === 0) return { kind: 'accepted', order };
    const row = await this.life.waitForRow(order.id, request.waitSeconds * 1_000)
      .catch(() => undefined); // the units are held all the same
    if (!row) return { kind: 'accepted', order };
    const view = toView({ kind: 'row', order: row });
    return { kind: row.status === 'pending_payment' ? 'created' : 'known', order: view };
  }

  /** Redis has forgotten a sale that is long over; the database knows earlier answers. */
  private async answerOfRetired(request: PurchaseRequest, sale: Sale): Promise<PurchaseAnswer> {
    const row = await this.orders.find(this.ids.of(request.buyer.userId, sale.id, request.key));
    if (!row) throw refusal('SALE_CLOSED', sale);
    if (row.quantity !== request.quantity) throw refusal('IDEMPOTENCY_KEY_REUSED', sale);
    return { kind: 'known', order: toView({ kind: 'row', order: row }) };
  }
}

function heldView(request: PurchaseRequest, sale: Sale,
  held: { rid: string; quantity: number; reservedAtMs: number }, status: OrderView['status']) {
  return {
    id: held.rid, saleId: sale.id, userId: request.buyer.userId, quantity: held.quantity,
    amount: { amount: sale.price.amount * held.quantity, currency: sale.price.currency }, status,
    createdAt: new Date(held.reservedAtMs).toISOString(),
  } satisfies OrderView;
}

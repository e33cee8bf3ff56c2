import { Injectable } from '@nestjs/common';
import { assertUnreachable, TemporarilyUnavailable } from '../kernel';
import { SaleCatalog, type Sale } from '../sale';
import { StockGate, type Cause } from '../stock';
import type { Order } from './order';
import { OrderCancellation } from './order-cancellation';
import { OrderStore } from './order-store';
import { UnitHolder } from './unit-holder';

/** What taking units again for another order's money came to. */
export type ResellOutcome = { kind: 'held'; rid: string } | { kind: 'refused'; reason: string };

/** Buys once more for money that came after its order had ended. */
@Injectable()
export class OrderResale {
  private readonly vetoes: ((order: Order) => string | undefined)[] = [];

  constructor(
    private readonly catalog: SaleCatalog,
    private readonly gate: StockGate,
    private readonly units: UnitHolder,
    private readonly store: OrderStore,
    private readonly cancellation: OrderCancellation,
  ) {}

  /** Asked for each order whose money came late: why its buyer gets no units for it, if so. */
  refuseWhere(veto: (order: Order) => string | undefined): void {
    this.vetoes.push(veto);
  }

  /**
   * Takes the units of a closed order again, under a new id that the key decides: the same guarded
   * way as any purchase, and the same answer when repeated. The row follows as for any purchase.
   * Throws TEMPORARILY_UNAVAILABLE while that cannot be known.
   */
  async resell(order: Order, key: string, cause: Cause): Promise<ResellOutcome> {
    const { saleId, userId, quantity } = order;
    const sale = await this.saleOf(order);
    const reason = sale.retiredAtMs !== undefined ? 'SALE_CLOSED'
      : this.vetoes.map((veto) => veto(order)).find((veto) => veto !== undefined);
    if (reason !== undefined) return { kind: 'refused', reason };
    const rid = this.gate.idOf(userId, saleId, key);
    const request = { rid, saleId, userId, quantity, earlier: order.id, ...cause };
    const outcome = await this.units.hold(sale, request);
    switch (outcome.kind) {
      case 'held': case 'replayed': case 'written': return { kind: 'held', rid };
      case 'refused': return { kind: 'refused', reason: outcome.reason };
      case 'not_loaded':
        throw new TemporarilyUnavailable('The sale is being recovered. Ask again.');
      default: return assertUnreachable(outcome);
    }
  }

  /**
   * The money goes back: what `resell` has made of it under this id, or is still making, cannot be paid
   * from here on. An order that is paid already stays.
   */
  async withdraw(order: Order, rid: string, cause: Cause): Promise<void> {
    const { saleId, userId, quantity } = order;
    const made = await this.store.find(rid, saleId);
    if (made) await this.cancellation.end(made, cause);
    else await this.cancellation.endAttempt(await this.saleOf(order), { rid, userId, quantity }, cause);
  }

  private async saleOf(order: Order): Promise<Sale> {
    const sale = await this.catalog.find(order.saleId);
    if (!sale) throw new Error(`The order ${order.id} names a sale that is not there`);
    return sale;
  }
}

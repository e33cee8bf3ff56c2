import { Injectable } from '@nestjs/common';
import type { Identity } from '../auth';
import { ServerClock } from '../infra/redis';
import { ProblemError } from '../kernel';
import type { Sale } from '../sale';
import { fingerprint, isOfService, SaleEpochs, type Cause, type OutboxEntry, type ReserveRequest }
  from '../stock';
import type { Order } from './order';
import { OrderFollowup } from './order-followup';
import { OrderFreeze } from './order-freeze';
import { OrderLife } from './order-life';
import { OrderLookup, toView, type OrderView } from './order-lookup';
import { OrderStore } from './order-store';
import { toOutboxEntry } from './outbox-entry';

/** Cancels an order, before or after the row is written; who decides first wins. */
@Injectable()
export class OrderCancellation {
  constructor(
    private readonly lookup: OrderLookup,
    private readonly store: OrderStore,
    private readonly life: OrderLife,
    private readonly freeze: OrderFreeze,
    private readonly followup: OrderFollowup,
    private readonly epochs: SaleEpochs,
    private readonly clock: ServerClock,
  ) {}

  /** The buyer's cancelled order; again, the same. Throws NOT_FOUND or ORDER_STATE_CONFLICT. */
  async cancel(rid: string, identity: Identity, cause: Cause): Promise<OrderView> {
    const known = await this.lookup.known(rid, identity);
    if (isOfService(rid)) {
      throw new ProblemError('ORDER_STATE_CONFLICT',
        'A shop has reserved this order for its buyer: cancel it there.');
    }
    const order = await this.end(known.kind === 'row' ? known.order : await this.endUnwritten(
      known.sale, toOutboxEntry(known.reservation), 'CANCELLED_BY_BUYER'), cause);
    if (order.status === 'cancelled') return toView({ kind: 'row', order });
    throw new ProblemError('ORDER_STATE_CONFLICT',
      `The order is ${order.status} and cannot be cancelled any more.`);
  }

  /** Cancels an order that may still be cancelled. Resolves to the row as it stands then. */
  async end(order: Order, cause: Cause): Promise<Order> {
    // Of the commit that ended it perhaps nobody heard, and so nobody has told Redis.
    if (order.status === 'cancelled') await this.followup.tryApply(order.saleId, [order]);
    const current = order.status === 'pending_payment'
      ? await this.life.cancel(order, cause) : order;
    if (current.status !== 'frozen') return current;
    // Whoever gives up an order that is under review does no harm: its units have gone back.
    await this.freeze.cancelFrozen([order.id], 'CANCELLED_IN_REVIEW', cause);
    return await this.store.find(order.id, order.saleId) ?? current;
  }

  /**
   * The same for what may have arrived, is on its way, or never comes: whatever of it comes later finds
   * the row that says so, and holds nothing.
   */
  async endAttempt(sale: Sale, { rid, userId, quantity }: Pick<ReserveRequest, 'rid' | 'userId' | 'quantity'>,
    cause: Cause): Promise<Order> {
    const { epoch } = await this.epochs.of(sale.id);
    return this.end(await this.endUnwritten(sale, { rid, userId, quantity, epoch,
      // Number 0: Redis has not numbered it.
      seq: 0, fingerprint: fingerprint(quantity), reservedAtMs: this.clock.now(), ...cause },
    'CANCELLED_BY_SERVICE'), cause);
  }

  /**
   * Cancels before the row is written: what comes later with this id finds it cancelled. Resolves to
   * the row that stands, whoever wrote it.
   */
  async endUnwritten(sale: Sale, entry: OutboxEntry,
    reason: 'CANCELLED_BY_BUYER' | 'CANCELLED_BY_SERVICE'): Promise<Order> {
    const order = await this.store.insertTombstone(sale, entry, 'cancelled', reason);
    if (order.status === 'cancelled') await this.followup.tryApply(order.saleId, [order]);
    return order;
  }
}

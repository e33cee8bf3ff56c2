import { Injectable } from '@nestjs/common';
import type { Identity } from '../auth';
import { Metrics } from '../infra/metrics';
import { ProblemError } from '../kernel';
import type { Cause } from '../stock';
import type { Order } from './order';
import { OrderFollowup } from './order-followup';
import { OrderFreeze } from './order-freeze';
import { OrderLife } from './order-life';
import { OrderLookup, toView, type OrderView } from './order-lookup';
import { OrderStore } from './order-store';
import { toOutboxEntry } from './outbox-entry';

/** Cancels for the buyer, before or after the row is written; who decides first wins. */
@Injectable()
export class OrderCancellation {
  constructor(
    private readonly lookup: OrderLookup,
    private readonly store: OrderStore,
    private readonly life: OrderLife,
    private readonly freeze: OrderFreeze,
    private readonly followup: OrderFollowup,
    private readonly metrics: Metrics,
  ) {}

  /** The cancelled order; again, the same. Throws NOT_FOUND or ORDER_STATE_CONFLICT. */
  async cancel(rid: string, identity: Identity, cause: Cause): Promise<OrderView> {
    const known = await this.lookup.known(rid, identity);
    let order: Order;
    if (known.kind === 'row') {
      order = known.order;
    } else {
      order = await this.store.insertTombstone(known.sale, toOutboxEntry(known.reservation),
        'cancelled', 'CANCELLED_BY_BUYER');
      if (order.status === 'cancelled') {
        this.metrics.orderStatusTotal.inc({ status: 'cancelled' });
        await this.followup.tryApply(order.saleId, [order]);
      }
    }
    if (order.status === 'pending_payment') order = await this.life.cancel(order, cause);
    if (order.status === 'frozen') {
      // Whoever gives up an order that is under review does no harm: its units have gone back.
      await this.freeze.cancelFrozen([rid], 'CANCELLED_IN_REVIEW', cause);
      order = await this.store.find(rid) ?? order;
    }
    if (order.status === 'cancelled') return toView({ kind: 'row', order });
    throw new ProblemError('ORDER_STATE_CONFLICT',
      `The order is ${order.status} and cannot be cancelled any more.`);
  }
}

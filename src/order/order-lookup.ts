import { Injectable } from '@nestjs/common';
import type { Identity } from '../auth';
import { ProblemError, TemporarilyUnavailable } from '../kernel';
import { isRedisStrategy, offerOf, type Sale } from '../sale';
import { StockGate, StockReader, type OrderStatus, type Reservation } from '../stock';
import { HintedSales } from './hinted-sales';
import type { Order } from './order';
import { OrderStore } from './order-store';

/** An order as its owner sees it: the row, or the reservation while there is no row. */
export type KnownOrder =
  | { kind: 'row'; order: Order }
  | { kind: 'reservation'; sale: Sale; reservation: Reservation };

/** What the contract answers about an order; amounts in minor units, times ISO 8601 in UTC. */
export interface OrderView {
  id: string;
  saleId: string;
  userId: string;
  quantity: number;
  amount: { amount: number; currency: string };
  status: OrderStatus;
  reason?: string;
  createdAt: string;
  payBefore?: string;
  paidAt?: string;
  closedAt?: string;
}

/** Finds an order by its id alone, wherever it is, for those who may see it (I15). */
@Injectable()
export class OrderLookup {
  constructor(
    private readonly store: OrderStore,
    private readonly reader: StockReader,
    private readonly gate: StockGate,
    private readonly hinted: HintedSales,
  ) {}

  /** The order for this reader. Throws NOT_FOUND to everybody but its owner and admins. */
  async forReader(rid: string, identity: Identity): Promise<OrderView> {
    return toView(await this.known(rid, identity));
  }

  /** The same, with all that is known. */
  async known(rid: string, identity: Identity): Promise<KnownOrder> {
    const found = await this.find(rid);
    const owner = found?.kind === 'row' ? found.order.userId : found?.reservation.userId;
    if (!found || (owner !== identity.userId && !identity.roles.includes('admin'))) {
      throw new ProblemError('NOT_FOUND', 'There is no such order.');
    }
    return found;
  }

  /** For a caller that decides himself who may see it. */
  async find(rid: string): Promise<KnownOrder | undefined> {
    const sales = this.hinted.of(rid);
    for (const sale of sales) {
      const known = await this.findIn(sale, rid);
      if (known) return known;
    }
    const order = await this.store.findMany([rid]).then(([row]) => row);
    if (order) return { kind: 'row', order };
    // Redis may hold it, which nobody can ask now: that is no answer about the order.
    if (sales.some((sale) => isRedisStrategy(sale.strategy) && this.gate.isInDatabase(sale.id))) {
      throw notKnownNow();
    }
    return undefined;
  }

  private async findIn(sale: Sale, rid: string): Promise<KnownOrder | undefined> {
    const order = await this.store.find(rid, sale.id);
    if (order) return { kind: 'row', order };
    if (!isRedisStrategy(sale.strategy) || this.gate.isInDatabase(sale.id)) return undefined;
    const reservation = await this.reader.reservation(sale.id, rid);
    if (!reservation) return undefined;
    // The row may have been written since the first look.
    const row = await this.store.find(rid, sale.id);
    return row ? { kind: 'row', order: row } : { kind: 'reservation', sale, reservation };
  }
}

function notKnownNow(): ProblemError {
  return new TemporarilyUnavailable(
    'Whether there is such an order cannot be told at the moment. Ask again.',
    { retryAfterSeconds: 2 });
}

export function toView(known: KnownOrder): OrderView {
  if (known.kind === 'reservation') {
    const { sale, reservation: { rid, userId, quantity, status, reservedAtMs } } = known;
    return { id: rid, saleId: offerOf(sale.id), userId, quantity, status,
      amount: { amount: sale.price.amount * quantity, currency: sale.price.currency },
      createdAt: new Date(reservedAtMs).toISOString() };
  }
  const { order } = known;
  return {
    id: order.id, saleId: offerOf(order.saleId), userId: order.userId, quantity: order.quantity,
    amount: { amount: order.amount, currency: order.currency }, status: order.status,
    createdAt: order.reservedAt.toISOString(),
    ...(order.reason !== undefined && { reason: order.reason }),
    ...(order.status === 'pending_payment' && { payBefore: order.expiresAt.toISOString() }),
    ...(order.paidAt && { paidAt: order.paidAt.toISOString() }),
    ...(order.closedAt && { closedAt: order.closedAt.toISOString() }),
  };
}

import { Injectable } from '@nestjs/common';
import { ProblemError, TemporarilyUnavailable } from '../kernel';
import { OrderLookup, type KnownOrder } from '../order';
import { SaleCatalog, type Sale } from '../sale';
import { isMadeBy, refusal, ReservationIds } from '../stock';

/** Units that a service wants for one of its users, and the id that they have, or would have. */
export interface Attempt {
  /** Of a sale in segments the one that has this user. */
  sale: Sale;
  rid: string;
  userId: string;
  quantity: number;
}

/** How long a call waits for a row that is about to be written. */
export const rowTimeoutMs = 5_000;

/** Finds what a service has reserved. To every other service it does not exist. */
@Injectable()
export class Reservations {
  constructor(
    private readonly catalog: SaleCatalog,
    private readonly ids: ReservationIds,
    private readonly lookup: OrderLookup,
  ) {}

  /** What this service means by its key; nothing of it need be there. Throws NOT_FOUND. */
  async named(service: string, saleId: string, key: string,
    { userId, quantity }: { userId: string; quantity: number }): Promise<Attempt> {
    const offer = await this.catalog.findOffer(saleId);
    if (!offer || offer.status === 'draft') {
      throw new ProblemError('NOT_FOUND', 'There is no such sale.');
    }
    const sale = offer.segments === 1 ? offer : await this.catalog.findStock(offer, userId);
    return { sale, rid: this.ids.ofService(service, userId, sale.id, key), userId, quantity };
  }

  /** Throws NOT_FOUND. */
  async byId(service: string, rid: string): Promise<KnownOrder> {
    const known = isMadeBy(service, rid) ? await this.lookup.find(rid) : undefined;
    if (!known) throw new ProblemError('NOT_FOUND', 'There is no such reservation.');
    return known;
  }

  /** What came of an attempt. Throws NOT_FOUND, or IDEMPOTENCY_KEY_REUSED. */
  async of({ sale, rid, quantity }: Attempt): Promise<KnownOrder> {
    const known = await this.lookup.find(rid);
    if (!known) {
      throw new ProblemError('NOT_FOUND', 'Nothing was tried with this Idempotency-Key.');
    }
    const tried = known.kind === 'row' ? known.order.quantity : known.reservation.quantity;
    if (tried !== quantity) throw refusal('IDEMPOTENCY_KEY_REUSED', sale);
    return known;
  }
}

/** What is asked for is being decided this very moment. */
export function undecided(): ProblemError {
  return new TemporarilyUnavailable(
    'The reservation is being written. Send the same request again.');
}

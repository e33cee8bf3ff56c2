import { Inject, Injectable, Logger } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../config';
import { isUnavailable } from '../infra/database';
import { ServerClock } from '../infra/redis';
import type { Sale } from '../sale';
import { StockLedger, StockReader, type Reservation } from '../stock';
import type { RejectionReason } from './order';
import { OrderBacklog } from './order-backlog';
import { OrderFollowup } from './order-followup';
import { OrderLife } from './order-life';
import { OrderStore } from './order-store';
import { OrderWriter } from './order-writer';
import { toOutboxEntry } from './outbox-entry';

const pageSize = 500;
/** So often the database was asked and knew nothing, over as many leases: then it is given up. */
export const requeuesAtMost = 30;

/**
 * S9: looks after reservations whose deadline has passed. A lease that runs out means "ask the
 * database", never "give the unit back".
 */
@Injectable()
export class LeaseSweep {
  private readonly logger = new Logger('LeaseSweep');
  private readonly leaseMs: number;

  constructor(
    @Inject(APP_CONFIG) config: AppConfig,
    private readonly clock: ServerClock,
    private readonly reader: StockReader,
    private readonly ledger: StockLedger,
    private readonly store: OrderStore,
    private readonly life: OrderLife,
    private readonly writer: OrderWriter,
    private readonly followup: OrderFollowup,
    private readonly backlog: OrderBacklog,
  ) {
    this.leaseMs = config.reservationLeaseSeconds * 1_000;
  }

  /**
   * Resolves what is overdue now, once each. While orders are only late, one page: to ask for each of a
   * hundred thousand costs as much as to write it. Rejects when Redis or the database is away.
   */
  async sweep(sale: Sale): Promise<void> {
    const now = this.clock.now();
    for (;;) {
      const rids = await this.reader.overdue(sale.id, now, pageSize);
      if (rids.length === 0) return;
      await this.resolve(sale, rids);
      // Those of this page have another lease: the next sweep goes on behind them.
      if (this.backlog.isLate(sale.id)) return;
      // What a page could not move on comes first again: leave it to the next sweep.
      const left = await this.reader.overdue(sale.id, now, 1);
      if (left[0] === rids[0]) return;
    }
  }

  /** Brings these reservations in line with the database, whatever their deadline. */
  async resolve(sale: Sale, rids: readonly string[]): Promise<void> {
    const overdue = await this.store.findMany(rids, sale.id);
    await this.life.expire(sale.id, overdue.filter(({ status }) => status === 'pending_payment')
      .map(({ id }) => id));
    const frozen = overdue.filter(({ status }) => status === 'frozen').map(({ id }) => id);
    for (const { rid, hold } of await this.reader.reservations(sale.id, frozen)) {
      await this.life.overtakeThaw(sale.id, rid, hold);
    }
    const orders = overdue.length === 0 ? [] : await this.store.findMany(rids, sale.id);
    await this.followup.apply(sale.id, orders);
    const written = new Set(orders.map(({ id }) => id));
    await this.enqueueAgain(sale, rids.filter((rid) => !written.has(rid)));
  }

  private async enqueueAgain(sale: Sale, rids: readonly string[]): Promise<void> {
    const reservations = await this.reader.reservations(sale.id, rids);
    const given = reservations.filter(({ requeues }) => requeues >= requeuesAtMost);
    for (const reservation of given) await this.decide(sale, reservation);
    const again = reservations.filter(({ requeues }) => requeues < requeuesAtMost);
    if (again.length === 0) return;
    const isLate = this.backlog.isLate(sale.id);
    await this.ledger.requeue(sale.id, again.map(({ rid }) => rid),
      { leaseMs: this.leaseMs, again: !isLate, traceId: '0'.repeat(32) });
    this.logger.warn({ msg: 'reservations without an order', saleId: sale.id, count: again.length,
      action: isLate ? 'waiting for the queue' : 'enqueued again' });
  }

  /**
   * The way over the queue has failed too often: writes the order here and now. Only what the
   * database takes no row for, though it takes others, is given up.
   */
  private async decide(sale: Sale, reservation: Reservation): Promise<void> {
    const entry = toOutboxEntry(reservation);
    const orders = await this.writer.write(sale, [entry]).catch(async (error: unknown) => {
      if (isUnavailable(error)) throw error;
      const reason: RejectionReason = 'NOT_PERSISTED';
      return [await this.store.insertTombstone(sale, entry, 'rejected', reason)];
    });
    await this.followup.apply(sale.id, orders);
    this.logger.error({ msg: 'reservation decided without the queue', saleId: sale.id,
      rid: reservation.rid, requeues: reservation.requeues, became: orders[0]?.status });
  }
}

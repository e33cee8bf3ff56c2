import { Injectable } from '@nestjs/common';
import { ServerClock } from '../infra/redis';
import { LeaseSweep, OrderFollowup, OrderStore } from '../order';
import type { Sale } from '../sale';
import { StockAdjustments, StockReader, type Reservation } from '../stock';

const cause = { source: 'reconciliation', ip: '', traceId: '0'.repeat(32) };

/** Brings Redis in line with the database record by record; counters are never set. */
@Injectable()
export class Repair {
  constructor(
    private readonly reader: StockReader,
    private readonly orders: OrderStore,
    private readonly followup: OrderFollowup,
    private readonly leases: LeaseSweep,
    private readonly adjustments: StockAdjustments,
    private readonly clock: ServerClock,
  ) {}

  /** Resolves to how many records and adjustments it moved on. */
  async byRid(sale: Sale): Promise<number> {
    let repaired = (await this.adjustments.finishAll(sale.id, cause)).length;
    for await (const page of this.reader.scan(sale.id)) {
      const orders = await this.orders.findMany(page.map(({ rid }) => rid), sale.id);
      const statuses = new Map(page.map(({ rid, status }) => [rid, status]));
      const late = orders.filter(({ id, status }) => statuses.get(id) !== status);
      await this.followup.apply(sale.id, late);
      const known = new Set(orders.map(({ id }) => id));
      const now = this.clock.now();
      const lost = page.filter((record) => isLate(record, now) && !known.has(record.rid));
      if (lost.length > 0) await this.leases.resolve(sale, lost.map(({ rid }) => rid));
      repaired += late.length + lost.length;
    }
    return repaired;
  }

  /**
   * Reservations whose lease ran out without anybody looking, because their deadlines in Redis are
   * lost: the sweep cannot find them, and as units in flight they are no drift. Resolves to how many.
   */
  async overlooked(sale: Sale): Promise<number> {
    let count = 0;
    for await (const page of this.reader.scan(sale.id)) {
      const now = this.clock.now();
      const late = page.filter((record) => isLate(record, now));
      if (late.length > 0) await this.leases.resolve(sale, late.map(({ rid }) => rid));
      count += late.length;
    }
    return count;
  }
}

function isLate({ status, deadlineMs }: Reservation, nowMs: number): boolean {
  return status === 'reserved' && deadlineMs < nowMs;
}

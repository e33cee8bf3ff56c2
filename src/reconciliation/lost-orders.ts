import { Injectable } from '@nestjs/common';
import { OrderLife, OrderStore, OrderWriter, toOutboxEntry, type Order } from '../order';
import type { Sale } from '../sale';
import { StockReader, type Reservation } from '../stock';

/** The operator's word about lost orders: make their rows again, or sell their units again. */
export type LossDecision = 'write_again' | 'forget';

/** An order that the database had decided on, since Redis was told so, and that it lacks now. */
export interface LostOrder {
  record: Reservation;
  /** What the database has of it; undefined: nothing. */
  row?: Order['status'];
}

/**
 * Redis follows the database, so a record is never ahead of its row: one that is tells of a
 * database that came back older, from a dump or as a replica that lagged. Its unit would be sold
 * again, to somebody else, without a word.
 */
@Injectable()
export class LostOrders {
  constructor(
    private readonly reader: StockReader,
    private readonly orders: OrderStore,
    private readonly writer: OrderWriter,
    private readonly life: OrderLife,
  ) {}

  /** The first so many of a sale. */
  async of(saleId: string, atMost: number): Promise<LostOrder[]> {
    const lost: LostOrder[] = [];
    for await (const page of this.reader.scan(saleId)) {
      lost.push(...await this.among(saleId, page));
      if (lost.length >= atMost) return lost.slice(0, atMost);
    }
    return lost;
  }

  /** Those among these records. The rows are read after the records: they can only be further. */
  async among(saleId: string, page: readonly Reservation[]): Promise<LostOrder[]> {
    const decided = page.filter(({ status }) => status === 'pending_payment' || status === 'paid');
    const rows = await this.orders.findMany(decided.map(({ rid }) => rid), saleId);
    const statuses = new Map(rows.map(({ id, status }) => [id, status]));
    return decided.map((record): LostOrder => {
      const row = statuses.get(record.rid);
      return { record, ...(row !== undefined && { row }) };
    }).filter(isLost);
  }

  /**
   * Makes the rows again as Redis remembers them: a pending order with a new time to pay, a paid one
   * without its payment. Resolves to how many the database took; it refuses what does not fit.
   */
  async writeAgain(sale: Sale, epoch: number, lost: readonly LostOrder[]): Promise<number> {
    const missing = lost.filter(({ row }) => row === undefined)
      .map(({ record }) => ({ ...toOutboxEntry(record), epoch }));
    if (missing.length > 0) await this.writer.write(sale, missing);
    for (const { record } of lost) {
      if (record.status === 'paid') await this.life.pay(record.rid);
    }
    const rows = await this.orders.findMany(lost.map(({ record }) => record.rid), sale.id);
    const statuses = new Map(rows.map(({ id, status }) => [id, status]));
    return lost.filter(({ record }) => statuses.get(record.rid) === record.status).length;
  }
}

function isLost({ record, row }: LostOrder): boolean {
  if (record.status === 'pending_payment') return row === undefined;
  return row !== 'paid' && row !== 'refunded';
}

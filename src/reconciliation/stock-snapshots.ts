import { Injectable } from '@nestjs/common';
import { Database } from '../infra/database';
import { ProblemError } from '../kernel';
import { OrderStore } from '../order';
import { isUnsettled, StockReader, type StockFence } from '../stock';

/** Both sides of a sale's stock, in units. */
export interface StockSnapshot {
  saleId: string;
  total: number;
  redis: { available: number; reserved: number; ordered: number; sold: number };
  database: { allocated: number; pendingPayment: number; paid: number };
  /** Held in Redis, on the way to the database. */
  inFlight: number;
  /**
   * Units that Redis gives or keeps beyond what the database knows: available + in flight +
   * allocated - total. Passing while orders are being written; above 0 Redis would sell too much,
   * below 0 units are stuck.
   */
  drift: number;
  /** Which side admits buyers now. */
  gate: StockFence['gate'];
  /** False while Redis has no part in the sale, or is only being loaded with it: drift is 0 then. */
  loaded: boolean;
  /** I1, I2 and one total: each side agrees with itself. */
  consistent: boolean;
}

interface StockRow {
  total: number;
  allocated: number;
  gate: StockFence['gate'];
  pending_payment: string;
  paid: string;
}

const absent = { loaded: false, state: null, balanced: true, total: 0, available: 0, reserved: 0,
  ordered: 0, sold: 0 };

/** I1: what is allocated is what orders hold. If not, no load of Redis can mend it. */
export function isConsistent({ database }: Pick<StockSnapshot, 'database'>): boolean {
  return database.allocated === database.pendingPayment + database.paid;
}

/** Looks at both sides of a sale, the database first: see `StockSnapshot.drift`. */
@Injectable()
export class StockSnapshots {
  constructor(
    private readonly database: Database,
    private readonly reader: StockReader,
    private readonly orders: OrderStore,
  ) {}

  /** Throws NOT_FOUND when there is no such sale; rejects when a side is away. */
  async of(saleId: string): Promise<StockSnapshot> {
    const { table, values } = this.orders.tableOf(saleId);
    // One statement, so that its figures are of one moment.
    const [row] = await this.database.query<StockRow>(
      `SELECT s.total, s.allocated, s.gate,
          COALESCE(SUM(CASE WHEN orders.status = 'pending_payment' THEN orders.quantity END), 0)
            AS pending_payment,
          COALESCE(SUM(CASE WHEN orders.status = 'paid' THEN orders.quantity END), 0) AS paid
        FROM sale_stock s LEFT JOIN ${table}
          ON orders.sale_id = s.sale_id AND orders.status IN ('pending_payment', 'paid')
        WHERE s.sale_id = ? GROUP BY s.sale_id, s.total, s.allocated, s.gate`,
      [...values, saleId]);
    if (!row) throw new ProblemError('NOT_FOUND', 'There is no such sale.');
    const audit = row.gate !== 'database' ? await this.reader.audit(saleId) : absent;
    const { balanced, total, available, reserved, ordered, sold } = audit;
    const loaded = audit.loaded && !isUnsettled(audit.state);
    const database = { allocated: row.allocated, pendingPayment: Number(row.pending_payment),
      paid: Number(row.paid) };
    return {
      saleId, total: row.total, redis: { available, reserved, ordered, sold }, database,
      inFlight: reserved, gate: row.gate,
      drift: loaded ? available + reserved + row.allocated - row.total : 0,
      loaded,
      consistent: isConsistent({ database }) && (!loaded || (balanced && total === row.total)),
    };
  }
}

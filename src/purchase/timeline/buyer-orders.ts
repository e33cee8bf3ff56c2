import { Injectable } from '@nestjs/common';
import { Database } from '../../infra/database';
import { pageItemsAtMost } from '../../infra/http';
import { OrderStore } from '../../order';
import { StockRedis, type OrderStatus } from '../../stock';

/** One order of a buyer in a sale. */
export interface BuyerOrder {
  id: string;
  status: OrderStatus;
  quantity: number;
  /** ISO 8601: when the units were held. */
  createdAt: string;
  reason?: string;
}

interface BuyerOrderRow {
  rid: string;
  status: OrderStatus;
  quantity: number;
  reserved_at: Date;
  reason: string | null;
}

/** What one buyer has got of one sale. */
@Injectable()
export class BuyerOrders {
  constructor(
    private readonly database: Database,
    private readonly redis: StockRedis,
    private readonly orders: OrderStore,
  ) {}

  /** The newest first, at most a page of them. Throws `DatabaseError`. */
  async of(saleId: string, userId: string): Promise<BuyerOrder[]> {
    const { table, values } = this.orders.tableOf(saleId);
    const rows = await this.database.query<BuyerOrderRow>(
      `SELECT rid, status, quantity, reserved_at, reason FROM ${table}
        WHERE user_id = ? AND sale_id = ? ORDER BY reserved_at DESC, rid DESC LIMIT ?`,
      [...values, userId, saleId, pageItemsAtMost]);
    return rows.map(({ rid, status, quantity, reserved_at, reason }) => ({
      id: rid, status, quantity, createdAt: reserved_at.toISOString(),
      ...(reason !== null && { reason }),
    }));
  }

  /** Units that count against his limit. Rejects when Redis is away, throws `DatabaseError`. */
  async unitsHeld(saleId: string, userId: string): Promise<number> {
    const held = await this.redis.connections.general
      .hget(this.redis.keys(saleId).users, userId);
    if (held !== null) return Number(held);
    // Redis knows nothing of a buyer without units, nor of a sale that is long over.
    const { table, values } = this.orders.tableOf(saleId);
    const [row] = await this.database.query<{ units: string | null }>(
      `SELECT SUM(quantity) AS units FROM ${table}
        WHERE user_id = ? AND sale_id = ? AND status IN ('pending_payment', 'paid')`,
      [...values, userId, saleId]);
    return Number(row?.units ?? 0);
  }
}

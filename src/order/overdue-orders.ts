import { Injectable } from '@nestjs/common';
import { Database } from '../infra/database';
import { OrderLife } from './order-life';

/** S10: ends unpaid orders by the database alone, so that it works when every timer is lost. */
@Injectable()
export class OverdueOrders {
  constructor(
    private readonly database: Database,
    private readonly life: OrderLife,
  ) {}

  async expireAll(): Promise<void> {
    const sales = await this.database.query<{ sale_id: string }>(
      `SELECT DISTINCT sale_id FROM orders
        WHERE status = 'pending_payment' AND expires_at <= NOW(3)`);
    for (const { sale_id: saleId } of sales) await this.expireSale(saleId);
  }

  async expireSale(saleId: string): Promise<void> {
    while (await this.life.expire(saleId) > 0) {
      // The next 500.
    }
  }
}

import { Injectable, Logger } from '@nestjs/common';
import { Database, isUnanswered } from '../infra/database';
import { OrderLife } from './order-life';

/** S10: ends unpaid orders by the database alone, so that it works when every timer is lost. */
@Injectable()
export class OverdueOrders {
  private readonly logger = new Logger('OverdueOrders');

  constructor(
    private readonly database: Database,
    private readonly life: OrderLife,
  ) {}

  /**
   * One sale's fault keeps no other sale from it: it is logged. Rejects when the database does not
   * answer.
   */
  async expireAll(): Promise<void> {
    const sales = await this.database.query<{ sale_id: string }>(
      `SELECT DISTINCT sale_id FROM orders
        WHERE status = 'pending_payment' AND expires_at <= NOW(3)`);
    for (const { sale_id: saleId } of sales) {
      try {
        await this.expireSale(saleId);
      } catch (error) {
        if (isUnanswered(error)) throw error;
        this.logger.error({ msg: 'unpaid orders not ended', saleId, error: String(error),
          action: 'the next sweep tries again' });
      }
    }
  }

  async expireSale(saleId: string): Promise<void> {
    while (await this.life.expire(saleId) > 0) {
      // The next 500.
    }
  }
}

import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../infra/database';
import { ServerClock } from '../infra/redis';
import { isRedisStrategy, SaleLife, type Sale } from '../sale';
import { StockLoader } from '../stock';
import type { StockSnapshot } from './stock-snapshots';

const retireAfterMs = 24 * 3_600_000;
/** For so long after its retirement Redis is told again and again to forget a sale. */
const unloadForDays = 1;
/** The newest: where more are retired in a day, many runs have seen to the others before. */
const unloadedAtOnce = 1_000;
const system = { actor: 'reconciliation', ip: '', traceId: '0'.repeat(32) };

/**
 * Sales that are over for good: out of every loop, and out of Redis. The row says so first, and
 * from then on nothing loads the sale; where Redis could not be told, the next run tells it.
 */
@Injectable()
export class RetiredSales {
  private readonly logger = new Logger('RetiredSales');

  constructor(
    private readonly database: Database,
    private readonly life: SaleLife,
    private readonly loader: StockLoader,
    private readonly clock: ServerClock,
  ) {}

  /** Retires a sale that is over for a day and of which, by this look, nothing is in flight. */
  async retireIfOver(sale: Sale, { inFlight, database, gate }: StockSnapshot): Promise<void> {
    if (inFlight > 0 || database.pendingPayment > 0) return;
    // A Redis that is gone may still hold what was promised.
    if (isRedisStrategy(sale.strategy) && gate !== 'redis') return;
    if (!await this.isLongOver(sale)) return;
    if (await this.life.retire(sale.id, system)) await this.unload(sale.id);
  }

  /** By its times or since an operator closed it for good, which is the last that its row has heard. */
  private async isLongOver({ id, status, closesAtMs }: Sale): Promise<boolean> {
    if (this.clock.now() > closesAtMs + retireAfterMs) return true;
    if (status !== 'closed') return false;
    const [row] = await this.database.query<{ isOver: number }>(
      'SELECT updated_at < NOW(3) - INTERVAL ? SECOND AS isOver FROM sales WHERE id = ?',
      [retireAfterMs / 1_000, id]);
    return row?.isOver === 1;
  }

  /**
   * Has Redis forget those that were retired lately: a fault may have kept one there, and a load
   * that had begun before may have brought one back.
   */
  async unloadLatest(): Promise<void> {
    const sales = await this.database.query<{ id: string }>(
      `SELECT id FROM sales WHERE retired_at > NOW(3) - INTERVAL ? DAY
        ORDER BY retired_at DESC LIMIT ?`, [unloadForDays, unloadedAtOnce]);
    await Promise.all(sales.map(({ id }) => this.unload(id)));
  }

  /** Never rejects: what is left of one is left to the next run. */
  async unload(saleId: string): Promise<void> {
    try {
      await this.loader.unload(saleId);
    } catch (error) {
      this.logger.error({ msg: 'retired sale not unloaded', saleId, error: String(error),
        action: 'the next run tries again' });
    }
  }
}

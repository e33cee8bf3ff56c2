import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../config';
import { Database } from '../infra/database';
import { failpoint } from '../infra/failpoint';
import { Metrics } from '../infra/metrics';
import { isRedisStrategy, SaleCatalog } from '../sale';
import { SaleEpochs } from '../stock';

/** A sighting may be late in a busy process, which writes one a second. */
const sightingSeconds = 3;

/**
 * Lets sales go on in the database while Redis is gone. A sale changes its gate as a whole, in one
 * statement together with its epoch: what a process still admits on the other side is refused by the
 * guarded statement. The way back is recovery (S11).
 */
@Injectable()
export class DatabaseMode implements OnModuleInit {
  private readonly logger = new Logger('DatabaseMode');
  private readonly patienceSeconds: number;

  constructor(
    @Inject(APP_CONFIG) config: AppConfig,
    private readonly database: Database,
    private readonly catalog: SaleCatalog,
    private readonly epochs: SaleEpochs,
    private readonly metrics: Metrics,
  ) {
    this.patienceSeconds = config.redisOutageSeconds;
  }

  onModuleInit(): void {
    this.metrics.onScrape(async () => { this.metrics.databaseModeSales.set(await this.sales()); });
  }

  /** How many sales do without Redis now that should not have to. */
  async sales(): Promise<number> {
    const [row] = await this.database.query<{ sales: number }>(
      `SELECT COUNT(*) AS sales FROM sale_stock JOIN sales ON id = sale_id
        WHERE gate = 'database' AND strategy IN ('lua', 'tokens') AND retired_at IS NULL`);
    return row?.sales ?? 0;
  }

  /** A process that sells reaches Redis: nobody must leave it. */
  async sawRedis(): Promise<void> {
    await this.database.execute(
      `UPDATE redis_sighting SET seen_at = NOW(3)
        WHERE id = 1 AND seen_at < NOW(3) - INTERVAL 500000 MICROSECOND`);
  }

  /**
   * This process has not reached Redis for so long. Once that is the time of patience, sales whose
   * operators want it change to the database, unless a process that sells has seen Redis meanwhile.
   * Resolves to how many did.
   */
  async enter(goneForMs: number): Promise<number> {
    let entered = 0;
    if (goneForMs < this.patienceSeconds * 1_000) return entered;
    for (const { id: saleId, strategy, redisOutage, status } of this.catalog.live()) {
      if (redisOutage !== 'database' || !isRedisStrategy(strategy) || status === 'closed') continue;
      const { affectedRows } = await this.database.execute(
        `UPDATE sale_stock SET gate_since = NOW(3), gate = 'database', epoch = epoch + 1
          WHERE sale_id = ? AND gate = 'redis' AND NOT EXISTS (
            SELECT 1 FROM redis_sighting WHERE seen_at > NOW(3) - INTERVAL ? SECOND)`,
        [saleId, Math.max(this.patienceSeconds, sightingSeconds)]);
      if (affectedRows === 0) continue;
      failpoint('database-mode-after-switch');
      entered += 1;
      this.epochs.announce(saleId);
      this.logger.error({ msg: 'redis is gone, the database sells', saleId,
        goneForSeconds: this.patienceSeconds, action: 'goes back by itself once redis is there' });
    }
    return entered;
  }
}

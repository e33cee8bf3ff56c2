import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy }
  from '@nestjs/common';
import { Database } from '../infra/database';
import { QueueProgress } from '../infra/queue';
import { StockRedis } from '../stock';
import { OverdueOrders } from './overdue-orders';
import { sweepQueue } from './queues';

const everyMs = 5_000;

/**
 * S10 while its schedule, which lives in Redis, may be gone, perhaps with one node of a Cluster, or cannot
 * go on since Redis is full: what is not paid goes back on sale.
 */
@Injectable()
export class OutageExpiry implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('OutageExpiry');
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly redis: StockRedis,
    private readonly database: Database,
    private readonly overdue: OverdueOrders,
    private readonly progress: QueueProgress,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => { void this.look(); }, everyMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    if (this.redis.isWhole && !this.progress.isStuck(sweepQueue)) return;
    try {
      await this.database.withLock('expire-overdue', () => this.overdue.expireAll());
    } catch (error) {
      this.logger.warn({ msg: 'unpaid orders not ended, trying again', error: String(error) });
    }
  }
}

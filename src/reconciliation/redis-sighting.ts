import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy }
  from '@nestjs/common';
import { Lifecycle } from '../infra/health';
import { StockRedis } from '../stock';
import { DatabaseMode } from './database-mode';

const everyMs = 1_000;

/**
 * Tells the database, from every process that sells, that Redis can be reached; and its own readiness
 * when it cannot, and sales go on all the same.
 */
@Injectable()
export class RedisSighting implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('RedisSighting');
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly redis: StockRedis,
    private readonly mode: DatabaseMode,
    private readonly lifecycle: Lifecycle,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => { void this.tell(); }, everyMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  private async tell(): Promise<void> {
    const { isThere } = this.redis;
    try {
      if (isThere) await this.mode.sawRedis();
      this.lifecycle.sellsWithoutRedis = !isThere && await this.mode.sales() > 0;
    } catch (error) {
      this.logger.debug({ msg: 'sighting of redis not written', error: String(error) });
    }
  }
}

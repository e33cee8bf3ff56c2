import {
  Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy,
} from '@nestjs/common';
import { SaleCatalog } from './sale-catalog';
import { SaleLife } from './sale-life';

const intervalMs = 5_000;

/**
 * Keeps the gate at the operators' word, also where it never arrived: Redis was away, or the
 * process that should have told it died in between.
 */
@Injectable()
export class DecisionKeeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('DecisionKeeper');
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly catalog: SaleCatalog,
    private readonly life: SaleLife,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running ??= this.look().finally(() => { this.running = undefined; });
    }, intervalMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  private async look(): Promise<void> {
    try {
      await this.life.putAllInForce(this.catalog.live());
    } catch (error) {
      this.logger.warn({
        msg: 'decisions of operators not confirmed', err: error, action: 'trying again',
      });
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown }
  from '@nestjs/common';
import { SaleCatalog } from '../sale';
import { StockRedis } from '../stock';
import { Recovery } from './recovery';

const lookEveryMs = 1_000;
const atOnce = 8;

/**
 * Looks for doubts about Redis: on every connect, and once a second. Runs in every worker; the lock
 * in the database lets one of them recover a sale.
 */
@Injectable()
export class RecoveryWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('RecoveryWatch');
  private readonly stop = new AbortController();
  private wake = Promise.withResolvers<void>();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly recovery: Recovery,
    private readonly redis: StockRedis,
    private readonly catalog: SaleCatalog,
  ) {}

  onApplicationBootstrap(): void {
    this.redis.onConnect(() => { this.wake.resolve(); });
    this.running = this.run();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stop.abort();
    this.wake.resolve();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stop.signal.aborted) {
      await this.look();
      await Promise.race([this.wake.promise,
        sleep(lookEveryMs, undefined, { signal: this.stop.signal }).catch(() => undefined)]);
      this.wake = Promise.withResolvers();
    }
  }

  /** Recovers every live sale about which there is a doubt, a few at a time. */
  async look(): Promise<void> {
    if (this.redis.boot === undefined) return;
    try {
      const doubts = await this.recovery.doubts(this.catalog.live().map(({ id }) => id));
      const waiting = [...doubts.keys()];
      const runner = async () => {
        for (let saleId = waiting.pop(); saleId !== undefined; saleId = waiting.pop()) {
          await this.recover(saleId);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, runner));
    } catch (error) {
      this.warn({ msg: 'doubts not looked for, trying again', error: String(error) });
    }
  }

  private async recover(saleId: string): Promise<void> {
    try {
      await this.recovery.recover(saleId);
    } catch (error) {
      this.warn({ msg: 'sale not recovered, trying again', saleId, error: String(error) });
    }
  }

  private warn(line: Record<string, unknown>): void {
    if (!this.stop.signal.aborted) this.logger.warn(line);
  }
}

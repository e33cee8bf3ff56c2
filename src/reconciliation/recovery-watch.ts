import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown }
  from '@nestjs/common';
import { Metrics } from '../infra/metrics';
import { Turns } from '../kernel';
import { SaleCatalog } from '../sale';
import { StockRedis } from '../stock';
import { DatabaseIsOlder } from './database-is-older';
import { DatabaseMode } from './database-mode';
import { Doubts, type Doubt } from './doubts';
import { fewAtOnce } from './few-at-once';
import { LookAgain } from './look-again';
import { Recovery } from './recovery';
import { StandingDrift } from './standing-drift';

const lookEveryMs = 1_000;
const atOnce = 8;
/** Nobody but an operator helps a sale with lost orders: its records are not read every second. */
const askAgainMs = 15_000;

/**
 * Looks for doubts about Redis: on every connect, and once a second (where there are many sales, at some
 * of them in turn). Runs in every worker; the lock in the database lets one of them recover a sale. A drift
 * that stands still while it looks is a matter for reconciliation, at once.
 */
@Injectable()
export class RecoveryWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('RecoveryWatch');
  private readonly stop = new AbortController();
  private wake = Promise.withResolvers<void>();
  /** Another server may answer now, of which nothing is known. */
  private mustLookAtAll = true;
  private readonly turns = new Turns();
  /** Sales of which the last look told something. */
  private remarkable: ReadonlySet<string> = new Set();
  private running: Promise<void> = Promise.resolve();
  private goneSince: number | undefined;
  /** Sales with lost orders, and when to look at them again. */
  private readonly undecided = new Map<string, number>();
  private readonly drift = new StandingDrift();

  constructor(
    private readonly doubts: Doubts,
    private readonly recovery: Recovery,
    private readonly lookAgain: LookAgain,
    private readonly redis: StockRedis,
    private readonly catalog: SaleCatalog,
    private readonly mode: DatabaseMode,
    private readonly metrics: Metrics,
  ) {}

  onApplicationBootstrap(): void {
    this.redis.onConnect(() => {
      this.mustLookAtAll = true;
      this.wake.resolve();
    });
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

  /**
   * Recovers every live sale about which there is a doubt, a few at a time, or does without Redis; has
   * those reconciled whose drift stands still.
   */
  async look(): Promise<void> {
    try {
      if (!this.redis.isThere) {
        this.goneSince ??= performance.now();
        await this.mode.enter(performance.now() - this.goneSince);
        return;
      }
      this.goneSince = undefined;
      const { doubts, drifts } = await this.doubts.look(this.choose());
      const drifting = [...drifts].filter(([, drift]) => drift !== 0).map(([saleId]) => saleId);
      this.remarkable = new Set([...doubts.keys(), ...drifting]);
      this.forgetDecided(doubts);
      await this.recoverAll(doubts);
      const standing = this.drift.note(drifts);
      if (standing.length > 0) this.haveReconciled(standing);
    } catch (error) {
      this.mustLookAtAll = true; // nobody knows which of them were looked at
      this.warn({ msg: 'doubts not looked for, trying again', error: String(error) });
    }
  }

  private async recoverAll(doubts: ReadonlyMap<string, Doubt>): Promise<void> {
    const now = performance.now();
    const waiting = [...doubts].filter(([id, doubt]) => doubt !== 'unreachable'
      && now >= (this.undecided.get(id) ?? 0)).map(([id]) => id);
    await fewAtOnce(waiting, atOnce, (saleId) => this.recover(saleId));
  }

  private async recover(saleId: string): Promise<void> {
    try {
      await this.recovery.recover(saleId);
    } catch (error) {
      if (error instanceof DatabaseIsOlder) this.wait(saleId, error);
      else this.warn({ msg: 'sale not recovered, trying again', saleId, error: String(error) });
    }
  }

  private choose(): string[] {
    const live = this.catalog.live().map(({ id }) => id);
    if (!this.mustLookAtAll) return this.turns.next(live, (id) => this.remarkable.has(id));
    this.mustLookAtAll = false;
    return live;
  }

  /** Not awaited: a Redis that goes now must not keep the next look from doing without it. */
  private haveReconciled(saleIds: string[]): void {
    this.lookAgain.ask({ saleIds, look: 1 }, 0).catch((error: unknown) => {
      this.warn({ msg: 'standing drift is left to the next reconciliation', saleIds, error: String(error) });
    });
  }

  private wait(saleId: string, { lostOrders }: DatabaseIsOlder): void {
    this.undecided.set(saleId, performance.now() + askAgainMs);
    this.metrics.lostOrders.set({ sale_id: saleId }, lostOrders);
    this.logger.error({ msg: 'the database lost orders that Redis remembers', saleId, lostOrders,
      action: 'the sale stays closed until an operator decides: POST lost-orders' });
  }

  private forgetDecided(doubts: ReadonlyMap<string, unknown>): void {
    for (const saleId of this.undecided.keys()) {
      if (doubts.has(saleId)) continue;
      this.undecided.delete(saleId);
      this.metrics.lostOrders.remove({ sale_id: saleId });
    }
  }

  private warn(line: Record<string, unknown>): void {
    if (!this.stop.signal.aborted) this.logger.warn(line);
  }
}

import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy }
  from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../config';
import { Metrics } from '../infra/metrics';
import { Overload } from '../infra/overload';
import { QueueProgress } from '../infra/queue';
import { Turns } from '../kernel';
import { SaleCatalog } from '../sale';
import { StockOutbox, type SaleBacklog } from '../stock';
import { orderQueue } from './queues';

const lookEveryMs = 500;
/** Relays that could read nothing for so long are behind: another entry in an outbox would not help. */
const lateAfterMs = 1_000;
/** More than a relay takes at one look: it is behind. */
const lateEntries = 500;

/**
 * What is on its way to the database: reservations in the outbox, jobs in the queue. Every process
 * looks twice a second and comes to the same result. Of very many sales those without any take turns.
 */
@Injectable()
export class OrderBacklog implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('OrderBacklog');
  private readonly backlogs = new Map<string, SaleBacklog>();
  private readonly turns = new Turns();
  private timer: NodeJS.Timeout | undefined;
  private isLooking = false;
  private isHolding = false;
  private fullSinceMs: number | undefined;
  private lateAtMs = -Infinity;

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly progress: QueueProgress,
    private readonly outbox: StockOutbox,
    private readonly catalog: SaleCatalog,
    private readonly metrics: Metrics,
    private readonly overload: Overload,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => { void this.look(); }, lookEveryMs).unref();
    this.metrics.onScrape(async () => { this.showDepth(); });
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /**
   * Whether the relays leave reservations where they are, because the order queue is stuck. They go on by
   * themselves once it moves.
   */
  get holdsRelay(): boolean {
    return this.isHolding;
  }

  /** To be told by a relay before each read whether it reads nothing, because enough batches wait. */
  noteQueue(isFull: boolean): void {
    const nowMs = performance.now();
    this.fullSinceMs = isFull ? this.fullSinceMs ?? nowMs : undefined;
    if (this.fullSinceMs !== undefined && nowMs - this.fullSinceMs > lateAfterMs) this.lateAtMs = nowMs;
  }

  /**
   * Whether orders of this sale that are not there yet are only late: nobody has lost them. Within their
   * lease the relay had to wait for the queue.
   */
  isLate(saleId: string): boolean {
    return this.isHolding
      || performance.now() - this.lateAtMs < this.config.reservationLeaseSeconds * 1_000
      || (this.backlogs.get(saleId)?.entries ?? 0) > lateEntries;
  }

  private async look(): Promise<void> {
    this.decide();
    if (this.isLooking) return;
    this.isLooking = true;
    try {
      await this.measure();
    } catch {
      // The connection reports its own faults; without Redis nobody is held back for a backlog.
      this.overload.reportBacklog(0);
    } finally {
      this.isLooking = false;
    }
  }

  private decide(): void {
    const holds = this.progress.isStuck(orderQueue);
    this.metrics.relayHolding.set(holds ? 1 : 0);
    if (holds === this.isHolding) return;
    this.isHolding = holds;
    const jobs = this.progress.jobsOf(orderQueue);
    if (holds) {
      this.logger.warn({ msg: 'order queue stuck, reservations stay in the outbox', jobs,
        action: 'going on when it moves' });
    } else this.logger.log({ msg: 'order queue takes reservations again', jobs });
  }

  private async measure(): Promise<void> {
    const live = this.catalog.live().map(({ id }) => id);
    const asked = this.turns.next(live, (saleId) => this.hasAny(saleId));
    const found = await this.outbox.backlogs(asked);
    for (const saleId of asked) this.backlogs.delete(saleId);
    for (const [saleId, backlog] of found) this.backlogs.set(saleId, backlog);
    const isLive = new Set(live);
    for (const saleId of this.backlogs.keys()) if (!isLive.has(saleId)) this.backlogs.delete(saleId);
    let most = 0;
    for (const { units } of this.backlogs.values()) most = Math.max(most, units);
    this.overload.reportBacklog(most / this.config.backlogPerSale);
  }

  private hasAny(saleId: string): boolean {
    const backlog = this.backlogs.get(saleId);
    return backlog !== undefined && backlog.entries + backlog.units > 0;
  }

  private showDepth(): void {
    this.metrics.outboxDepth.reset();
    for (const [saleId, { entries }] of this.backlogs) {
      this.metrics.outboxDepth.set({ sale_id: saleId }, entries);
    }
  }
}

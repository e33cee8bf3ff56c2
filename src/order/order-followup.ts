import { InjectQueue } from '@nestjs/bullmq';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy }
  from '@nestjs/common';
import type { Queue } from 'bullmq';
import { ServerClock } from '../infra/redis';
import { assertUnreachable } from '../kernel';
import { StockLedger, type ReleasedStatus } from '../stock';
import type { Order } from './order';
import { OrderNotices } from './order-notices';
import { OrderStore } from './order-store';
import { expiryQueue } from './queues';

const bucketMs = 5_000;
const tellAgainMs = 1_000;
/** What is above it, reconciliation finds. */
const untoldAtMost = 10_000;
const toldAtOnce = 500;

/**
 * After a decision of the database: carries it to Redis (S6, S8), hints when unpaid orders end, and
 * tells those who wait. Repeating it changes nothing.
 */
@Injectable()
export class OrderFollowup implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('OrderFollowup');
  private readonly lastBucket = new Map<string, number>();
  private readonly listeners: ((orders: readonly Order[]) => void)[] = [];
  /** Ids of orders whose row may say what Redis has not been told. */
  private readonly untold = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private isTelling = false;

  constructor(
    @InjectQueue(expiryQueue) private readonly expiry: Queue,
    private readonly ledger: StockLedger,
    private readonly notices: OrderNotices,
    private readonly clock: ServerClock,
    private readonly store: OrderStore,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => { void this.tellAgain(); }, tellAgainMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /**
   * Hears of every decision about orders of one sale, some of them more than once, and whether Redis
   * could be told or not. What a listener throws is logged.
   */
  onDecided(listener: (orders: readonly Order[]) => void): void {
    this.listeners.push(listener);
  }

  /** Tells those who wait, and the listeners, of rows that Redis does not know and need not. */
  announce(orders: readonly Order[]): void {
    this.tellListeners(orders);
    this.notices.publish(orders.map(({ id }) => id));
  }

  /** Rows of one sale, as they stand now; at most 500. Rejects when Redis could not be told. */
  async apply(saleId: string, orders: readonly Order[]): Promise<void> {
    this.tellListeners(orders);
    const pending: { rid: string; payBeforeMs: number }[] = [];
    const paid: string[] = [];
    const released: { rid: string; status: ReleasedStatus; hold: number }[] = [];
    for (const { id: rid, status, expiresAt, holds: hold } of orders) {
      switch (status) {
        case 'pending_payment': pending.push({ rid, payBeforeMs: expiresAt.getTime() }); break;
        case 'paid': paid.push(rid); break;
        case 'cancelled': case 'expired': case 'rejected': case 'frozen':
          released.push({ rid, status, hold }); break;
        case 'refunded':
          // Units come back from sold: Redis may not have heard yet that they were.
          paid.push(rid);
          released.push({ rid, status, hold });
          break;
        default: assertUnreachable(status);
      }
    }
    const isConfirmed = await this.ledger.confirm(saleId, pending);
    await this.ledger.settle(saleId, paid);
    await this.ledger.release(saleId, released);
    this.notices.publish(orders.map(({ id }) => id));
    if (isConfirmed) {
      this.hintExpiry(saleId, Math.max(...pending.map(({ payBeforeMs }) => payBeforeMs)));
    }
  }

  /**
   * The same where the caller's work is done already. After a fault it is tried again every second
   * while this process lives; then it is left to the sweep.
   */
  async tryApply(saleId: string, orders: readonly Order[]): Promise<void> {
    if (orders.length === 0) return;
    try {
      await this.apply(saleId, orders);
    } catch (error) {
      this.logger.warn({ msg: 'redis not told of a decision, trying again', saleId,
        orders: orders.length, error: String(error) });
      this.doubt(orders.map(({ id }) => id));
    }
  }

  /** The database did not say whether it changed these rows: Redis is told what they say, as above. */
  doubt(rids: readonly string[]): void {
    for (const rid of rids) if (this.untold.size < untoldAtMost) this.untold.add(rid);
  }

  /** Tells Redis what it missed, by the rows as they stand now; one sale's fault is not the others'. */
  private async tellAgain(): Promise<void> {
    if (this.isTelling || this.untold.size === 0) return;
    this.isTelling = true;
    const rids = [...this.untold].slice(0, toldAtOnce);
    // Forgotten before they are told: what is decided meanwhile comes in anew.
    for (const rid of rids) this.untold.delete(rid);
    try {
      const orders = await this.store.findMany(rids);
      await Promise.all([...Map.groupBy(orders, ({ saleId }) => saleId)].map(([saleId, some]) =>
        this.apply(saleId, some).catch((error: unknown) => { this.putOff(some, error); })));
    } catch (error) {
      this.doubt(rids);
      this.logger.debug({ msg: 'rows not read, trying again', error: String(error) });
    }
    this.isTelling = false;
  }

  private putOff(orders: readonly Order[], error: unknown): void {
    this.doubt(orders.map(({ id }) => id));
    this.logger.debug({ msg: 'redis still not told of decisions', error: String(error) });
  }

  private tellListeners(orders: readonly Order[]): void {
    for (const listener of this.listeners) {
      try {
        listener(orders);
      } catch (error) {
        this.logger.error({ msg: 'a listener failed over decided orders', err: error });
      }
    }
  }

  /**
   * One delayed job per sale and bucket: a hint, the deadline in the row is the truth. Nobody waits for
   * it: its queue may lie on a node that is away, while the orders of other nodes have to be written.
   */
  private hintExpiry(saleId: string, payBeforeMs: number): void {
    const bucket = Math.ceil(payBeforeMs / bucketMs) * bucketMs;
    if (this.lastBucket.get(saleId) === bucket) return;
    this.lastBucket.set(saleId, bucket);
    this.expiry.add('expire', { saleId },
      { jobId: `${saleId}-${bucket}`, delay: Math.max(0, bucket - this.clock.now()) })
      .catch((error: unknown) => {
        if (this.lastBucket.get(saleId) === bucket) this.lastBucket.delete(saleId);
        this.logger.debug({ msg: 'no hint of unpaid orders, the sweep finds them', saleId,
          error: String(error) });
      });
  }
}

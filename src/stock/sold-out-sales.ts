import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Metrics } from '../infra/metrics';
import { offerOf } from '../sale';
import { BuyerLists, type Generation } from './buyer-lists';
import { SaleEpochs } from './sale-epochs';
import { StockRedis } from './stock-redis';

/** The longest that `sold-out-1.lua` allows. */
export const memoryLeaseMs = 250;
/** Twice in a lease, so that one late answer does not end it. */
const renewEveryMs = 100;
/** Fewer refusals of a sale in a second are not worth the reading of its records. */
const refusalsBefore = 20;
const refusalsOverMs = 1_000;
/** A sale that nobody has asked for so long is forgotten. */
const idleMs = 2_000;
/** Of all sales together; a larger sale goes on asking Redis. */
const buyersAtMost = 100_000;
/**
 * A sale is not learned again before so many milliseconds for each buyer have passed: where units come
 * back one by one, to read them all for each would cost more than it spares.
 */
const restMsPerBuyer = 0.02;
/** Nor one that could not be learned: it may be too large, or damaged. */
const restAfterFaultMs = 5_000;

interface Lease extends Generation {
  /** Units of the sale: others when some were added, taken out, borrowed or lent. */
  readonly total: number;
  /** By the clock of `performance.now()`. */
  readonly endsAtMs: number;
}

interface SoldOutSale {
  lease: Lease;
  readonly buyers: ReadonlySet<string>;
  wantedAtMs: number;
}

/**
 * Sold-out sales whose buyers this process knows by heart: all others hear "sold out" without a
 * question to Redis, and it is as true as if Redis had said it. For while a process may answer from
 * memory, Redis sells nothing of that sale, also when units come back (`sold-out-1.lua`): so nobody
 * can have a record of whom memory does not know. Units that come back are sold at most 250 ms later.
 */
@Injectable()
export class SoldOutSales implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly sales = new Map<string, SoldOutSale>();
  /** One at a time: what there is room for is known only when it has been read. */
  private isLearning = false;
  /** By sale: not before this moment. */
  private readonly rests = new Map<string, number>();
  private readonly refusals = new Map<string, number>();
  private countingSinceMs = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly redis: StockRedis,
    private readonly epochs: SaleEpochs,
    private readonly lists: BuyerLists,
    private readonly metrics: Metrics,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => { this.keepUp(performance.now()); }, renewEveryMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** By memory alone: no unit is on sale, and this user has never had any reservation of the sale. */
  isSoldOutFor(saleId: string, userId: string): boolean {
    if (!this.isSoldOut(saleId) || this.sales.get(saleId)?.buyers.has(userId) === true) return false;
    this.metrics.soldOutFromMemoryTotal.inc();
    return true;
  }

  /** By memory alone: no unit is on sale. Whoever has a reservation must not be told so. */
  isSoldOut(saleId: string): boolean {
    const sale = this.sales.get(saleId);
    if (sale === undefined) return false;
    const { lease } = sale;
    sale.wantedAtMs = performance.now();
    const fence = this.epochs.peek(saleId);
    return sale.wantedAtMs < lease.endsAtMs && lease.boot === this.redis.bootOf(saleId)
      && fence?.epoch === lease.epoch && fence.gate === 'redis';
  }

  /** Redis has refused a purchase because nothing is left. Never throws. */
  noteRefusal(saleId: string): void {
    if (this.sales.has(saleId) || this.isLearning || this.rests.has(saleId)) return;
    const count = (this.refusals.get(saleId) ?? 0) + 1;
    this.refusals.set(saleId, count);
    if (count < refusalsBefore) return;
    this.refusals.delete(saleId);
    this.isLearning = true;
    // A sale that cannot be known by heart is asked for, as before.
    void this.learn(saleId)
      .catch(() => { this.rests.set(saleId, performance.now() + restAfterFaultMs); })
      .finally(() => { this.isLearning = false; });
  }

  private keepUp(nowMs: number): void {
    if (nowMs - this.countingSinceMs > refusalsOverMs) {
      this.refusals.clear();
      this.countingSinceMs = nowMs;
    }
    for (const [saleId, endsAtMs] of this.rests) {
      if (nowMs >= endsAtMs) this.rests.delete(saleId);
    }
    for (const [saleId, sale] of this.sales) {
      if (nowMs - sale.wantedAtMs > idleMs) this.sales.delete(saleId);
      else void this.renew(saleId, sale);
    }
  }

  private async learn(saleId: string): Promise<void> {
    const room = buyersAtMost - this.buyerCount;
    const before = await this.lease(saleId, room);
    if (before === undefined) return;
    const known = await this.lists.findOrClaim(saleId, before);
    if (known === undefined) {
      await sleep(renewEveryMs); // the next refusals ask again
      return;
    }
    const buyers = known === 'unread' ? await this.lists.read(saleId, before, room) : known;
    this.rests.set(saleId, performance.now() + buyers.size * restMsPerBuyer);
    // Whoever has a record by now had it all the time, and so no page has missed him.
    const lease = await this.lease(saleId, room);
    if (lease === undefined || !isSame(before, lease) || buyers.size > room) return;
    this.sales.set(saleId, { lease, buyers, wantedAtMs: performance.now() });
    if (known === 'unread') await this.lists.share(saleId, lease, buyers);
  }

  private async renew(saleId: string, sale: SoldOutSale): Promise<void> {
    const lease = await this.lease(saleId, buyersAtMost).catch(() => undefined);
    if (lease !== undefined && isSame(lease, sale.lease)) sale.lease = lease;
    else if (this.sales.get(saleId) === sale) this.forget(saleId);
  }

  /** Of a sale in segments all: what one has, the others may borrow. */
  private forget(saleId: string): void {
    for (const id of this.sales.keys()) {
      if (offerOf(id) === offerOf(saleId)) this.sales.delete(id);
    }
  }

  /** Undefined when there is something to sell, or when Redis cannot say that there is not. */
  private async lease(saleId: string, seqAtMost: number): Promise<Lease | undefined> {
    const { epoch, gate } = await this.epochs.of(saleId);
    if (gate !== 'redis') return undefined;
    const askedAtMs = performance.now();
    let boot = '';
    const [leaseMs, seq, total] = await this.redis.runFenced('sold-out', [this.redis.keys(saleId).meta],
      (current) => {
        boot = current;
        return [current, epoch, seqAtMost];
      }) as [number, number, number];
    return leaseMs > 0 ? { boot, epoch, seq, total, endsAtMs: askedAtMs + leaseMs } : undefined;
  }

  private get buyerCount(): number {
    let count = 0;
    for (const { buyers } of this.sales.values()) count += buyers.size;
    return count;
  }
}

/** No reservation was made, no load begun and no unit added or taken out between the two. */
function isSame(one: Lease, other: Lease): boolean {
  return one.boot === other.boot && one.epoch === other.epoch && one.seq === other.seq
    && one.total === other.total;
}

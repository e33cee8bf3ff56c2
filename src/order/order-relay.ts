import { setTimeout as sleep } from 'node:timers/promises';
import { InjectQueue } from '@nestjs/bullmq';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown }
  from '@nestjs/common';
import type { Queue } from 'bullmq';
import { APP_CONFIG, type AppConfig } from '../config';
import { failpoint } from '../infra/failpoint';
import { inTime } from '../infra/queue';
import type { RedisClient } from '../infra/redis';
import { newId, Turns } from '../kernel';
import { SaleCatalog } from '../sale';
import { StockOutbox, type OutboxBatch } from '../stock';
import { OrderBacklog } from './order-backlog';
import { OutboxTurns } from './outbox-turns';
import { batchesAtOnce, orderQueue, type OrderBatchJob } from './queues';

/**
 * After a read that found little, so that the next one finds a batch; the first entry after a pause is
 * carried at once. With less the worker and the database leave the purchases too little of a busy machine.
 */
const gatherMs = 20;
const fullQueueMs = 5;
const pauseMs = 200;
const claimEveryMs = 2_000;
/** Entries that a relay holds longer than this belong to a dead one. */
const claimIdleMs = 10_000;

/**
 * S4: carries reservations from the outbox to the queue, many in one job, and only then
 * acknowledges them. Any number of relays may run; what a dead one held is claimed by another.
 */
@Injectable()
export class OrderRelay implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('OrderRelay');
  private readonly consumer = newId('relay');
  private readonly turns = new OutboxTurns();
  private readonly claims = new Turns();
  private reader: RedisClient | undefined;
  private stopped = false;
  private running: Promise<void> = Promise.resolve();
  private lastClaimAt = 0;
  private lastFault = '';
  /** Sales that are left out, so that they stop no other, until their outbox is a stream again. */
  private unreadable: readonly string[] = [];

  constructor(
    @InjectQueue(orderQueue) private readonly queue: Queue<OrderBatchJob>,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly outbox: StockOutbox,
    private readonly catalog: SaleCatalog,
    private readonly backlog: OrderBacklog,
  ) {}

  onApplicationBootstrap(): void {
    this.reader = this.outbox.openReader();
    this.running = this.run(this.reader);
  }

  /** After the last request: a buyer who waits for his order still gets it. */
  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    await this.running;
    this.reader?.disconnect();
  }

  private async run(reader: RedisClient): Promise<void> {
    while (!this.stopped) {
      try {
        await sleep(await this.step(reader));
        this.lastFault = '';
      } catch (error) {
        if (this.stopped) return;
        await this.recover(error);
      }
    }
  }

  /** One look at the outboxes of live sales. Resolves to how long to wait before the next. */
  private async step(reader: RedisClient): Promise<number> {
    // They are safe in the outbox: in a queue that is stuck they would only take more room.
    if (this.backlog.holdsRelay) return pauseMs;
    const isQueueFull = await inTime(this.queue.getWaitingCount()) > batchesAtOnce;
    this.backlog.noteQueue(isQueueFull);
    if (isQueueFull) return fullQueueMs;
    const isClaimDue = performance.now() - this.lastClaimAt > claimEveryMs;
    if (isClaimDue && this.unreadable.length > 0) await this.ensureGroups();
    const live = this.outbox.readable(this.catalog.live().map(({ id }) => id))
      .filter((id) => !this.unreadable.includes(id));
    if (live.length === 0) return pauseMs;
    if (isClaimDue) await this.claim(this.claims.next(live, () => false));
    const { saleIds, blockMs } = this.turns.next(live, performance.now());
    const batches = await this.outbox.read(reader, this.consumer, saleIds,
      this.config.outboxBatch, blockMs);
    this.turns.took(batches.map(({ saleId }) => saleId));
    await Promise.all(batches.map((batch) => this.carry(batch)));
    const isFull = batches.some(({ entries }) => entries.length === this.config.outboxBatch);
    return batches.length === 0 || isFull ? 0 : gatherMs;
  }

  /** Whatever becomes of one sale's claim, the others are carried, and what is new is read next. */
  private async claim(saleIds: readonly string[]): Promise<void> {
    this.lastClaimAt = performance.now();
    const claims = await Promise.allSettled(saleIds.map((saleId) =>
      this.outbox.claim(this.consumer, saleId, claimIdleMs, this.config.outboxBatch)));
    for (const claim of claims) if (claim.status === 'fulfilled') await this.carry(claim.value);
    for (const claim of claims) if (claim.status === 'rejected') throw claim.reason;
  }

  private async carry(batch: OutboxBatch): Promise<void> {
    if (batch.streamIds.length === 0) return;
    if (batch.entries.length > 0) {
      failpoint('relay-before-queue');
      await this.queue.add('write', { saleId: batch.saleId, entries: batch.entries });
      failpoint('relay-before-acknowledge');
    }
    await this.outbox.acknowledge(batch);
  }

  private async recover(error: unknown): Promise<void> {
    const message = String(error);
    if (!/NOGROUP|WRONGTYPE/.test(message)) {
      // Once per outage.
      if (message !== this.lastFault) {
        this.logger.warn({ msg: 'outbox not read, trying again', error: message });
      }
      this.lastFault = message;
      await sleep(pauseMs);
      return;
    }
    await this.ensureGroups().catch(() => sleep(pauseMs));
    if (this.unreadable.length > 0) {
      this.logger.error({ msg: 'outboxes that are no streams', saleIds: this.unreadable,
        action: 'left out until they are' });
    }
  }

  private async ensureGroups(): Promise<void> {
    this.unreadable = await this.outbox.ensureGroups(
      this.outbox.readable(this.catalog.live().map(({ id }) => id)));
  }
}

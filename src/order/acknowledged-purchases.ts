import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown }
  from '@nestjs/common';
import { SaleCatalog } from '../sale';
import { fingerprint, StockRedis, type OutboxEntry, type ReserveOutcome, type ReserveRequest }
  from '../stock';
import type { DirectOutcome } from './direct-decision';
import { OrderWriter } from './order-writer';

/** Rows follow within a moment; what is older has one, or waits in a backlog that Redis keeps. */
const rememberMs = 15_000;
const rememberAtMost = 50_000;
const batch = 500;
const lookEveryMs = 250;
/** A restart of Redis is over before this; then nothing has to be written here. */
const patienceMs = 1_500;

type Held = Omit<ReserveRequest, 'source'>;

interface Remembered {
  readonly saleId: string;
  readonly entry: OutboxEntry;
  readonly atMs: number;
}

/**
 * What this process has lately held: for buyers, for shops, for late money. When Redis goes, perhaps
 * with reservations that no relay has carried yet, the process writes them to the database itself: a row
 * that is there already is passed over, and so a buyer who was told yes has his order before the database
 * sells to others.
 */
@Injectable()
export class AcknowledgedPurchases implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('AcknowledgedPurchases');
  private remembered: Remembered[] = [];
  private timer: NodeJS.Timeout | undefined;
  private goneSinceMs: number | undefined;
  private writing: Promise<void> | undefined;

  constructor(
    private readonly redis: StockRedis,
    private readonly catalog: SaleCatalog,
    private readonly writer: OrderWriter,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => { this.look(performance.now()); }, lookEveryMs).unref();
  }

  /** After the last answer. Whether a Redis that is away comes back this process will not know. */
  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.writing;
    if (!this.redis.isWhole) await this.write();
  }

  /** What was held just now, also if it was the connection that asked for it twice, or the buyer. */
  remember({ saleId, rid, userId, quantity, traceId, ip, deviceId, payWindowSeconds }: Held,
    outcome: ReserveOutcome | DirectOutcome): void {
    const isPromised = outcome.kind === 'held'
      || (outcome.kind === 'replayed' && outcome.status === 'reserved');
    if (!isPromised) return;
    if (this.remembered.length >= rememberAtMost) this.remembered.splice(0, rememberAtMost / 10);
    const { seq, epoch, reservedAtMs } = outcome;
    this.remembered.push({ saleId, atMs: performance.now(), entry: { rid, userId, quantity, traceId, ip,
      deviceId, seq, epoch, reservedAtMs, fingerprint: fingerprint(quantity), payWindowSeconds } });
  }

  /** Forgets what is old, and writes the rest once Redis has been gone for a while. */
  private look(nowMs: number): void {
    if (this.redis.isWhole) {
      this.goneSinceMs = undefined;
      const first = this.remembered.findIndex(({ atMs }) => atMs > nowMs - rememberMs);
      this.remembered.splice(0, first === -1 ? this.remembered.length : first);
      return;
    }
    this.goneSinceMs ??= nowMs;
    if (nowMs - this.goneSinceMs < patienceMs) return;
    this.writing ??= this.write().finally(() => { this.writing = undefined; });
  }

  /** Sale by sale: what cannot be written of one must not keep the others waiting. */
  private async write(): Promise<void> {
    for (const [saleId, purchases] of Map.groupBy(this.remembered, (purchase) => purchase.saleId)) {
      // Of a Cluster only one node may be away.
      if (this.redis.bootOf(saleId) !== undefined) continue;
      try {
        await this.writeOf(saleId, purchases);
      } catch (error) {
        this.logger.warn({ msg: 'promised orders not written, trying again', saleId,
          error: String(error) });
      }
    }
  }

  private async writeOf(saleId: string, purchases: readonly Remembered[]): Promise<void> {
    const sale = await this.catalog.find(saleId);
    for (let first = 0; first < purchases.length; first += batch) {
      const taken = purchases.slice(first, first + batch);
      if (sale) await this.writer.write(sale, taken.map(({ entry }) => entry));
      const written = new Set(taken);
      this.remembered = this.remembered.filter((purchase) => !written.has(purchase));
    }
    this.logger.warn({ msg: 'redis is gone, promised orders written', saleId,
      orders: purchases.length });
  }
}

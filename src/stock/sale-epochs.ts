import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy, type OnModuleInit }
  from '@nestjs/common';
import { Database } from '../infra/database';
import { RedisConnections } from '../infra/redis';

const channel = 'epochs';

/** A crowd that is fenced off asks the database together, and not more often than this. */
const renewEveryMs = 200;
/** Who still believes in a Redis that others have left must hear of it without Redis. */
const pollEveryMs = 1_000;

/** Under which generation of a sale units are given away now, and on which side. */
export interface StockFence {
  readonly epoch: number;
  /** `closed`: neither, until recovery has an operator's answer. */
  readonly gate: 'redis' | 'database' | 'closed';
}

interface KnownFence {
  /** What the path of a purchase is told: the last answer, or the first while it is on its way. */
  fence: Promise<StockFence>;
  /** The newest question. */
  asked: Promise<StockFence>;
  askedAtMs: number;
  last?: StockFence | undefined;
}

interface FenceRow extends StockFence {
  sale_id: string;
}

/** The database's epoch of each sale, kept in memory: the request path asks no database. */
@Injectable()
export class SaleEpochs implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly fences = new Map<string, KnownFence>();
  private timer: NodeJS.Timeout | undefined;
  private polling: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly connections: RedisConnections,
  ) {}

  onModuleInit(): void {
    this.connections.subscribe(channel, (saleId) => { this.fences.delete(saleId); });
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.polling ??= this.poll().finally(() => { this.polling = undefined; });
    }, pollEveryMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** As last read; asks the database the first time. Throws when the sale has no stock. */
  of(saleId: string): Promise<StockFence> {
    return this.fences.get(saleId)?.fence ?? this.ask(saleId);
  }

  /** From memory alone, at most about a second old; undefined before the first look. */
  peek(saleId: string): StockFence | undefined {
    return this.fences.get(saleId)?.last;
  }

  /** The same, at most 200 ms old: for whoever was told that his epoch has passed. */
  renewed(saleId: string): Promise<StockFence> {
    const known = this.fences.get(saleId);
    const isFresh = known && performance.now() - known.askedAtMs < renewEveryMs;
    return isFresh ? known.asked : this.ask(saleId);
  }

  /** As the database says after this call. While it is away the last answer stands for the others. */
  async now(saleId: string): Promise<StockFence> {
    const askedAtMs = performance.now();
    const fence = await this.read(saleId);
    this.know(saleId, fence, askedAtMs);
    return fence;
  }

  /** Tells every process that the sale has a new epoch. */
  announce(saleId: string): void {
    this.fences.delete(saleId);
    this.connections.publish(channel, saleId);
  }

  /** While it is asked, and where the database is away, the last answer stands: the sale goes on. */
  private ask(saleId: string): Promise<StockFence> {
    const before = this.fences.get(saleId);
    const asked = this.read(saleId);
    const known: KnownFence = { fence: before?.last ? before.fence : asked, asked,
      askedAtMs: performance.now(), last: before?.last };
    this.fences.set(saleId, known);
    asked.then((fence) => { Object.assign(known, { fence: asked, last: fence }); }, () => {
      if (this.fences.get(saleId) === known && !known.last) this.fences.delete(saleId);
    });
    return asked;
  }

  private async read(saleId: string): Promise<StockFence> {
    const [row] = await this.database.query<StockFence>(
      'SELECT epoch, gate FROM sale_stock WHERE sale_id = ?', [saleId]);
    if (!row) throw new Error(`Sale ${saleId} has no stock row`);
    return { epoch: row.epoch, gate: row.gate };
  }

  /** While the database is away the last answers stand. Sales that are retired are forgotten. */
  private async poll(): Promise<void> {
    const askedAtMs = performance.now();
    const saleIds = [...this.fences.keys()];
    if (saleIds.length === 0) return;
    const rows = await this.database.query<FenceRow>(
      `SELECT sale_id, epoch, gate FROM sale_stock JOIN sales ON id = sale_id
        WHERE sale_id IN (?) AND retired_at IS NULL`, [saleIds]).catch(() => undefined);
    if (!rows) return;
    for (const { sale_id: saleId, epoch, gate } of rows) this.know(saleId, { epoch, gate }, askedAtMs);
    const live = new Set(rows.map(({ sale_id: saleId }) => saleId));
    for (const saleId of saleIds) {
      const isOlder = (this.fences.get(saleId)?.askedAtMs ?? askedAtMs) < askedAtMs;
      if (isOlder && !live.has(saleId)) this.fences.delete(saleId);
    }
  }

  /** Takes what was asked for at this time for the last answer, if it is newer and another one. */
  private know(saleId: string, last: StockFence, askedAtMs: number): void {
    const known = this.fences.get(saleId);
    if (!known?.last || known.askedAtMs > askedAtMs) return;
    if (known.last.epoch === last.epoch && known.last.gate === last.gate) return;
    const fence = Promise.resolve(last);
    this.fences.set(saleId, { fence, asked: fence, askedAtMs, last });
  }
}

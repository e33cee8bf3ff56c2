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
  fence: Promise<StockFence>;
  askedAtMs: number;
  last?: StockFence;
}

interface FenceRow extends StockFence {
  sale_id: string;
}

/** The database's epoch of each sale, kept in memory: the request path asks no database. */
@Injectable()
export class SaleEpochs implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly fences = new Map<string, KnownFence>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly connections: RedisConnections,
  ) {}

  onModuleInit(): void {
    this.connections.subscribe(channel, (saleId) => { this.fences.delete(saleId); });
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => { void this.poll(); }, pollEveryMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** As last read; asks the database the first time. Throws when the sale has no stock. */
  of(saleId: string): Promise<StockFence> {
    return (this.fences.get(saleId) ?? this.ask(saleId)).fence;
  }

  /** From memory alone, at most about a second old; undefined before the first look. */
  peek(saleId: string): StockFence | undefined {
    return this.fences.get(saleId)?.last;
  }

  /** The same, at most 200 ms old: for whoever was told that his epoch has passed. */
  renewed(saleId: string): Promise<StockFence> {
    const known = this.fences.get(saleId);
    const isFresh = known && performance.now() - known.askedAtMs < renewEveryMs;
    return (isFresh ? known : this.ask(saleId)).fence;
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

  private ask(saleId: string): KnownFence {
    const asked: KnownFence = { fence: this.read(saleId), askedAtMs: performance.now() };
    this.fences.set(saleId, asked);
    asked.fence.then((fence) => { asked.last = fence; }, () => {
      if (this.fences.get(saleId) === asked) this.fences.delete(saleId);
    });
    return asked;
  }

  private async read(saleId: string): Promise<StockFence> {
    const [row] = await this.rows([saleId]);
    if (!row) throw new Error(`Sale ${saleId} has no stock row`);
    return { epoch: row.epoch, gate: row.gate };
  }

  /** While the database is away the last answers stand. */
  private async poll(): Promise<void> {
    const askedAtMs = performance.now();
    const rows = await this.rows([...this.fences.keys()]).catch(() => []);
    for (const { sale_id: saleId, epoch, gate } of rows) this.know(saleId, { epoch, gate }, askedAtMs);
  }

  /** Takes what was asked for at this time for the last answer, if it is newer and another one. */
  private know(saleId: string, last: StockFence, askedAtMs: number): void {
    const known = this.fences.get(saleId);
    if (!known?.last || known.askedAtMs > askedAtMs) return;
    if (known.last.epoch === last.epoch && known.last.gate === last.gate) return;
    this.fences.set(saleId, { fence: Promise.resolve(last), askedAtMs, last });
  }

  private async rows(saleIds: readonly string[]): Promise<FenceRow[]> {
    if (saleIds.length === 0) return [];
    return this.database.query<FenceRow>(
      'SELECT sale_id, epoch, gate FROM sale_stock WHERE sale_id IN (?)', [saleIds]);
  }
}

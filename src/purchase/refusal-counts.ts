import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown }
  from '@nestjs/common';
import { askForEach } from '../infra/redis';
import type { ProblemCode } from '../kernel';
import { StockRedis } from '../stock';

const flushMs = 1_000;

/**
 * How many requests of a sale were refused, by reason and over all processes. Counted in memory and
 * added up in Redis once a second, so that a refusal costs no round trip; while Redis is away they
 * are kept.
 */
@Injectable()
export class RefusalCounts implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('RefusalCounts');
  private counts = new Map<string, Map<ProblemCode, number>>();
  private isLosing = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly redis: StockRedis) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => { void this.flush(); }, flushMs).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  add(saleId: string, code: ProblemCode): void {
    const ofSale = this.counts.get(saleId) ?? new Map<ProblemCode, number>();
    ofSale.set(code, (ofSale.get(code) ?? 0) + 1);
    this.counts.set(saleId, ofSale);
  }

  /** Counts by problem code, those of this process that are not yet added up included. */
  async of(saleId: string): Promise<Record<string, number>> {
    await this.flush();
    const counts = await this.redis.connections.general.hgetall(this.key(saleId));
    return Object.fromEntries(Object.entries(counts).map(([code, n]) => [code, Number(n)]));
  }

  private async flush(): Promise<void> {
    const { counts } = this;
    const { general } = this.redis.connections;
    // Of few sales and codes, they have room until Redis is back.
    if (counts.size === 0 || general.status !== 'ready') return;
    this.counts = new Map();
    try {
      const replies = await askForEach(general, [...counts], (pipeline, [saleId, codes]) => {
        for (const [code, n] of codes) pipeline.hincrby(this.key(saleId), code, n);
      });
      const fault = replies.flat().find(([error]) => error !== null)?.[0];
      if (fault) throw fault;
      this.isLosing = false;
    } catch (error) {
      // A statistic: not worth counting twice. Said once per outage.
      if (!this.isLosing) this.logger.warn({ msg: 'refusal counts lost', error: String(error) });
      this.isLosing = true;
    }
  }

  private key(saleId: string): string {
    return this.redis.keys(saleId).refusals;
  }
}

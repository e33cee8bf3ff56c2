import { join } from 'node:path';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown }
  from '@nestjs/common';
import { Metrics } from '../../infra/metrics';
import { AdmissionRedis, readLuaScripts, ServerClock, type LuaCommands } from '../../infra/redis';
import { SaleCatalog } from '../../sale';
import { entriesPerBuyerAtMost, TimelineBuffer, type BufferedEntries } from './timeline-buffer';
import { parseLines, toLine, type TimelineEntry, type TimelineEvent } from './timeline-entry';

const flushMs = 1_000;
const buyersPerSaleAtMost = 200_000;
/** So few that the script never keeps a purchase waiting. */
const buyersPerScript = 25;
const keptAfterEndMs = 7 * 24 * 3_600_000;
/** A field that is no user id: they have no spaces. */
const leftOutField = 'left out';

/** What is kept of one buyer. `leftOut`: nothing, because the sale had more buyers than are kept. */
export interface BuyerTimeline {
  entries: TimelineEntry[];
  leftOut: boolean;
}

/**
 * What every buyer of a sale was answered, over all processes: collected in memory and added up in
 * Redis once a second, so that an answer costs no round trip. A statistic: of an outage only so much
 * is kept as has room in memory, what Redis did not take is lost, and nobody is refused for it.
 */
@Injectable()
export class Timeline implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Timeline');
  private readonly commands: LuaCommands;
  private readonly buffer = new TimelineBuffer();
  private running: Promise<void> = Promise.resolve();
  private next: Promise<void> | undefined;
  private isLosing = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly redis: AdmissionRedis,
    private readonly catalog: SaleCatalog,
    private readonly clock: ServerClock,
    private readonly metrics: Metrics,
  ) {
    this.commands = redis.commands(readLuaScripts(join(__dirname, 'lua')));
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => { void this.flush(); }, flushMs).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  /** Remembers an answer: at once and without a round trip. Only for sales that exist. */
  record(event: TimelineEvent): void {
    if (!this.buffer.add(event)) this.lose(1, 'no room in memory');
  }

  /**
   * What a buyer was answered, oldest first: all of this process, of others all but the last
   * second. Throws TEMPORARILY_UNAVAILABLE when Redis is away.
   */
  async of(saleId: string, userId: string): Promise<BuyerTimeline> {
    await this.flush();
    const [lines = null, leftOut = null] =
      await this.redis.ask((connection) =>
        connection.hmget(this.key(saleId), userId, leftOutField));
    return { entries: parseLines(lines ?? ''), leftOut: lines === null && leftOut !== null };
  }

  /**
   * Writes all that was recorded before this call. Never rejects; without a connection it is kept
   * for a later one, as far as there is room.
   */
  private async flush(): Promise<void> {
    if (!this.redis.isConnected) return;
    this.next ??= this.running.then(() => {
      this.next = undefined;
      this.running = this.write(this.buffer.take());
      return this.running;
    });
    return this.next;
  }

  private async write(sales: BufferedEntries): Promise<void> {
    for (const [saleId, buyers] of sales) {
      const waiting = [...buyers];
      try {
        while (waiting.length > 0) {
          await this.append(saleId, waiting.slice(0, buyersPerScript));
          waiting.splice(0, buyersPerScript);
        }
        this.isLosing = false;
      } catch (error) {
        const entryCount = waiting.reduce((sum, [, entries]) => sum + entries.length, 0);
        this.lose(entryCount, String(error));
      }
    }
  }

  private lose(entryCount: number, reason: string): void {
    this.metrics.timelineDroppedTotal.inc(entryCount);
    // Once per outage.
    if (!this.isLosing) this.logger.warn({ msg: 'timelines lost', reason });
    this.isLosing = true;
  }

  private async append(saleId: string,
    buyers: readonly [string, readonly TimelineEntry[]][]): Promise<void> {
    const endsAtMs = this.catalog.peek(saleId)?.closesAtMs ?? this.clock.now();
    await this.commands.run('timeline-append', [this.key(saleId)],
      [endsAtMs + keptAfterEndMs, entriesPerBuyerAtMost, buyersPerSaleAtMost,
        ...buyers.flatMap(([userId, entries]) => [userId, entries.map(toLine).join('\n')])]);
  }

  private key(saleId: string): string {
    return this.redis.key(`{${saleId}}`, 'timeline');
  }
}

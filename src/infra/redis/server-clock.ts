import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { RedisConnections } from './redis-connections';

const refreshMs = 1_000;
/** How far the clock may be off: half of the time that an answer may take. */
export const clockDoubtMs = 50;
/** While no answer is that quick, the slowest that is taken grows by so much in each millisecond. */
const patienceGrowth = 0.1;

/**
 * The clock of the Redis server, the one that decides when a sale opens. Between looks it runs on
 * by this machine's monotonic clock, so that a wrong or jumping wall clock does no harm.
 */
@Injectable()
export class ServerClock implements OnApplicationBootstrap, OnModuleDestroy {
  private offsetMs = Date.now() - performance.now();
  private timer: NodeJS.Timeout | undefined;
  /** How long the answer took that the clock follows, and when it was asked for. */
  private tookMs = Infinity;
  private askedAtMs = 0;

  constructor(private readonly connections: RedisConnections) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.refresh();
    this.timer = setInterval(() => { void this.refresh(); }, refreshMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Milliseconds since 1970. */
  now(): number {
    return Math.round(this.offsetMs + performance.now());
  }

  /** Asks the server. While it is away, or answers late, the last offset stands. */
  async refresh(): Promise<void> {
    const askedAtMs = performance.now();
    try {
      const [seconds, microseconds] = await this.connections.general.time();
      const tookMs = performance.now() - askedAtMs;
      if (tookMs > this.slowestMs(askedAtMs)) return;
      this.offsetMs = Number(seconds) * 1_000 + Number(microseconds) / 1_000 - askedAtMs - tookMs / 2;
      [this.tookMs, this.askedAtMs] = [tookMs, askedAtMs];
    } catch {
      // Reported by the connection itself.
    }
  }

  /** Nobody knows when within its time an answer was given: a late one may be off by seconds. */
  private slowestMs(nowMs: number): number {
    return Math.max(2 * clockDoubtMs, this.tookMs + patienceGrowth * (nowMs - this.askedAtMs));
  }
}

import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { RedisConnections } from './redis-connections';

const refreshMs = 1_000;

/**
 * The clock of the Redis server, the one that decides when a sale opens. Between looks it runs on
 * by this machine's monotonic clock, so that a wrong or jumping wall clock does no harm.
 */
@Injectable()
export class ServerClock implements OnApplicationBootstrap, OnModuleDestroy {
  private offsetMs = Date.now() - performance.now();
  private timer: NodeJS.Timeout | undefined;

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

  /** Asks the server. While it is away the last offset stands. */
  async refresh(): Promise<void> {
    const asked = performance.now();
    try {
      const [seconds, microseconds] = await this.connections.general.time();
      const halfway = (asked + performance.now()) / 2;
      this.offsetMs = Number(seconds) * 1_000 + Number(microseconds) / 1_000 - halfway;
    } catch {
      // Reported by the connection itself.
    }
  }
}

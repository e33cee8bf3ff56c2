import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy }
  from '@nestjs/common';
import { ServerClock } from '../../infra/redis';
import { hourMs, RiskRedis, type Signals } from '../signals';

const flushMs = 1_000;
/** What all processes keep together. */
const keptAtMost = 20_000;
/** What this process may write: some at once for a rush, then a few every second of the hour. */
const burstAtMost = 2_000;
const refillPerSecond = 5;
const readAtOnce = 1_000;

/** What was known of one attempt to buy when it was rated. */
export interface RatedAttempt {
  readonly userId: string;
  readonly saleId: string;
  readonly signals: Signals;
}

/** One attempt of the sample; it stands for `weight` attempts of its second. */
export interface SampledAttempt extends RatedAttempt {
  readonly weight: number;
}

/**
 * A sample of the last hour's rated attempts in Redis, on which new rules are tried. Each process
 * draws from every second as many as it may write, all alike, and notes how many they stand for.
 * Attempts in the buffer of a process that dies, or while Redis is away, are missing.
 */
@Injectable()
export class RecentAttempts implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('RecentAttempts');
  private drawn: RatedAttempt[] = [];
  private seen = 0;
  private isLosing = false;
  private allowance = burstAtMost;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly redis: RiskRedis,
    private readonly clock: ServerClock,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => { void this.tryToFlush(); }, flushMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.flush().catch(() => undefined); // a sample may miss the last second
  }

  /** Takes part in the drawing of this second. */
  add(attempt: RatedAttempt): void {
    this.seen += 1;
    if (this.drawn.length < this.quota) {
      this.drawn.push(attempt);
      return;
    }
    // Reservoir sampling: every attempt of the second is kept with the same probability.
    const place = Math.floor(Math.random() * this.seen);
    if (place < this.drawn.length) this.drawn[place] = attempt;
  }

  /** Writes what was drawn. Rejects when Redis is away; then it is lost. */
  async flush(): Promise<void> {
    const { drawn, seen } = this;
    this.drawn = [];
    this.seen = 0;
    this.allowance = Math.min(this.allowance - drawn.length + refillPerSecond, burstAtMost);
    if (drawn.length === 0) return;
    const weight = seen / drawn.length;
    const key = this.redis.sample();
    // One write: the connection gathers what one turn of the event loop asks.
    await this.redis.ask((connection) => Promise.all([
      ...drawn.map((attempt) => connection.xadd(key, 'MAXLEN', '~', keptAtMost, '*',
        'attempt', JSON.stringify({ ...attempt, weight } satisfies SampledAttempt))),
      connection.xtrim(key, 'MINID', '~', this.clock.now() - hourMs),
      connection.pexpire(key, hourMs),
    ]));
  }

  /** The sample of the last hour, oldest first. Rejects when Redis is away. */
  async *ofLastHour(): AsyncGenerator<SampledAttempt> {
    let after = String(this.clock.now() - hourMs);
    for (;;) {
      const entries = await this.redis.ask((connection) => connection
        .xrange(this.redis.sample(), after, '+', 'COUNT', readAtOnce));
      for (const [id, [, attempt = '']] of entries) {
        yield JSON.parse(attempt) as SampledAttempt;
        after = `(${id}`;
      }
      if (entries.length < readAtOnce) return;
    }
  }

  private async tryToFlush(): Promise<void> {
    try {
      await this.flush();
      this.isLosing = false;
    } catch (error) {
      // Once per outage.
      if (!this.isLosing) this.logger.warn({ msg: 'attempts not sampled', error: String(error) });
      this.isLosing = true;
    }
  }

  /** A rush must not take the whole allowance in its first second. */
  private get quota(): number {
    return Math.max(refillPerSecond, Math.ceil(this.allowance / 4));
  }
}

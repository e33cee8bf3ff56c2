import { performance } from 'node:perf_hooks';
import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../../config';
import { ProblemError, TemporarilyUnavailable } from '../../kernel';
import { Circuit } from '../circuit';
import { Metrics } from '../metrics';
import { OverloadMeter, pressureAtMost, type LoopSample, type OverloadLevel } from './overload-meter';

const sampleEveryMs = 200;
/** How often the event loop is asked to be on time. */
const tickMs = 20;
/** Of the backlog that is allowed: from here on fewer and fewer new buyers pass. */
const backlogBusy = 0.8;
const retryAfterSecondsAtMost = 60;

/**
 * Whether this process is asked to do more than it can: by the delay of its event loop, and by how
 * far the writing of orders is behind. Decides nothing itself: those who answer ask it.
 */
@Injectable()
export class Overload implements OnModuleInit, OnModuleDestroy {
  /**
   * Of the cheapest work, public reads: held open from level 1 on. Purchases have none, since it shuts
   * out everybody or nobody: of them as many are refused as are too many, see `pressure`.
   */
  readonly reads = new Circuit(() => false);
  private readonly logger = new Logger('Overload');
  private readonly meter = new OverloadMeter();
  private readonly refusals: readonly ProblemError[];
  private backlog = 0;
  private known: OverloadLevel = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly metrics: Metrics,
  ) {
    // Made once: a flood is answered without building an error and its texts for each request.
    this.refusals = Array.from({ length: retryAfterSecondsAtMost + 1 }, (_, seconds) =>
      new TemporarilyUnavailable(
        `More is asked for than can be served at once. Ask again in ${seconds} s.`,
        { retryAfterSeconds: seconds }));
  }

  onModuleInit(): void {
    if (this.config.overload === 'off') return;
    // Not Node's monitorEventLoopDelay: it forgets the pause in which it is reset, and when pauses
    // are as long as a sample it knows of none.
    let sampledAt = performance.now();
    let loop = performance.eventLoopUtilization();
    let ticks = 0;
    this.timer = setInterval(() => {
      ticks += 1;
      const elapsedMs = performance.now() - sampledAt;
      if (elapsedMs < sampleEveryMs) return;
      const { utilization } = performance.eventLoopUtilization(loop);
      this.observe({ delayMs: Math.max(0, elapsedMs / ticks - tickMs), utilization });
      sampledAt += elapsedMs;
      loop = performance.eventLoopUtilization();
      ticks = 0;
    }, tickMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  get level(): OverloadLevel {
    const isBusy: OverloadLevel = this.backlog > backlogBusy ? 2 : 0;
    return this.meter.level > isBusy ? this.meter.level : isBusy;
  }

  /** From 0 to 1 the share of new buyers to refuse; above 1 also a share of those admitted. */
  get pressure(): number {
    const late = (this.backlog - backlogBusy) / (1 - backlogBusy);
    return Math.min(pressureAtMost, Math.max(0, this.meter.pressure, late));
  }

  /** Takes a sample of the event loop; without OVERLOAD nobody sends any. */
  observe(sample: LoopSample): void {
    this.meter.take(sample);
    this.report();
  }

  /** How much of the backlog that is allowed has been used, from 0 to 1. */
  reportBacklog(share: number): void {
    this.backlog = this.config.overload === 'off' ? 0 : share;
    this.report();
  }

  /** The answer to a request of this kind that is refused, and counts it. Seconds: from 1 to 60. */
  refuse(kind: 'read' | 'picture' | 'purchase' | 'admitted_purchase',
    retryAfterSeconds: number): ProblemError {
    this.metrics.overloadShedTotal.inc({ kind });
    const problem = this.refusals[retryAfterSeconds];
    if (!problem) throw new RangeError(`No refusal is for ${retryAfterSeconds} s`);
    return problem;
  }

  private report(): void {
    const { level } = this;
    this.metrics.overloadLevel.set(level);
    this.metrics.circuitOpen.set({ dependency: 'reads' }, level > 0 ? 1 : 0);
    this.reads.hold(level > 0);
    if (level === this.known) return;
    this.logger.warn({ msg: 'overload', level, before: this.known, backlogShare: this.backlog,
      action: ['everybody is served', 'reads are answered from memory or refused',
        'new purchases are told to come back'][level] });
    this.known = level;
  }
}

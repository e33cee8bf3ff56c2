import cluster from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Child } from './child';
import { closeTimeoutMs } from './ending';
import { countsOf, MergedFigures } from './merged-figures';

/** A scrape waits no longer than this for a process, in milliseconds; each bounds its own measuring. */
const measureTimeoutMs = 2_000;
const pauseMinimumMs = 200;
const pauseMaximumMs = 5_000;
/** Who lived that long did not fail at its start: the next one is started without a long pause. */
const steadyMs = 30_000;

/** A process has ended itself this long after it had to, unless it hangs; then it is killed. */
const hangingMs = 2_000;

/**
 * Runs the program in several processes on one port and nothing of it itself. It accepts the
 * connections and hands them out in turn, so that a process may come or go while none is refused.
 */
export class Primary {
  private readonly logger = new Logger('Primary');
  private readonly children = new Set<Child>();
  private readonly merged = new MergedFigures();
  private readonly endPatienceMs: number;
  private pauseMs = pauseMinimumMs;
  private isStopping = false;
  private isReloading = false;
  private reloadIsWanted = false;

  constructor(private readonly count: number, drainSeconds: number) {
    this.endPatienceMs = drainSeconds * 1_000 + closeTimeoutMs + hangingMs;
    cluster.schedulingPolicy = cluster.SCHED_RR;
    // JSON has no NaN, which gauges may be.
    cluster.setupPrimary({ serialization: 'advanced' });
  }

  /** Resolves to the URL once all serve. Throws the `StartFailure` of the first that cannot. */
  async start(): Promise<string> {
    // The first one alone: what is wrong with the surroundings is said once, not by each.
    const url = await this.launchKept();
    await Promise.all(Array.from({ length: this.count - 1 }, () => this.launchKept()));
    return url;
  }

  /**
   * Replaces one process after the other: a new one serves before an old one leaves. When a new one
   * cannot start, the old ones go on. Asked for meanwhile, it is done once more.
   */
  async reload(): Promise<void> {
    this.reloadIsWanted = true;
    if (this.isReloading) return;
    this.isReloading = true;
    while (this.reloadIsWanted && !this.isStopping) {
      this.reloadIsWanted = false;
      await this.replaceAll();
    }
    this.isReloading = false;
  }

  /** Ends all at once, each as a single process ends. Resolves to whether all did so cleanly. */
  async stop(): Promise<boolean> {
    this.isStopping = true;
    const endings = await Promise.all([...this.children].map((child) =>
      child.end('stop', this.endPatienceMs)));
    // One that did not serve yet has nothing to finish and dies of the signal itself.
    return endings.every(({ code, signal }) => code === 0 || signal === 'SIGTERM');
  }

  private launch(): Child {
    const child = new Child(() => this.scrape());
    this.children.add(child);
    void child.ended.then(() => {
      this.children.delete(child);
      this.merged.keep(child.figures);
    });
    return child;
  }

  /** Another process that is replaced when it dies. Resolves to its URL once it serves. */
  private async launchKept(): Promise<string> {
    const child = this.launch();
    const url = await child.ready;
    void this.replaceAtDeath(child);
    return url;
  }

  private async replaceAtDeath(child: Child): Promise<void> {
    const since = performance.now();
    const { code, signal } = await child.ended;
    if (child.isLeaving || this.isStopping) return;
    if (performance.now() - since > steadyMs) this.pauseMs = pauseMinimumMs;
    const { pauseMs } = this;
    this.pauseMs = Math.min(pauseMs * 2, pauseMaximumMs);
    this.logger.error({ msg: 'process died', diedPid: child.pid, code, signal,
      action: `another one is started in ${pauseMs} ms` });
    await sleep(pauseMs);
    this.fill();
  }

  /** Starts as many as are missing, in whatever way they got lost. */
  private fill(): void {
    while (!this.isStopping && this.children.size < this.count) {
      void this.replaceAtDeath(this.launch());
    }
  }

  private async replaceAll(): Promise<void> {
    this.logger.log({ msg: 'reloading' });
    let isGivenUp = false;
    for (const old of [...this.children]) {
      if (this.isStopping) return;
      if (!this.children.has(old)) continue;
      try {
        await this.launchKept();
      } catch (error) {
        if (!this.isStopping) this.sayGivenUp(error);
        isGivenUp = true;
        break;
      }
      await old.end('retire', this.endPatienceMs);
    }
    // One that died in between was not replaced as long as its successor made up the number.
    this.fill();
    if (!isGivenUp) this.logger.log({ msg: 'reloaded' });
  }

  private sayGivenUp(error: unknown): void {
    this.logger.error({ msg: 'reload given up', err: error,
      action: 'the processes that were not replaced yet go on' });
  }

  /** What all processes measure together, in Prometheus' text format. */
  private async scrape(): Promise<string> {
    const serving = [...this.children].filter(({ isServing }) => isServing);
    await Promise.race([
      Promise.all(serving.map((child) => child.measure())),
      sleep(measureTimeoutMs, undefined, { ref: false }),
    ]);
    // Now, without a pause in between: a child that ends meanwhile counts with the gone, not twice.
    const newestFirst = [...this.children].reverse();
    return this.merged.text(newestFirst.map(({ isSilent, figures }) =>
      (isSilent ? countsOf(figures) : figures)));
  }
}

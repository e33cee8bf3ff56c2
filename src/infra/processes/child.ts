import cluster from 'node:cluster';
import { once } from 'node:events';
import type { Figures, ToChild, ToPrimary } from './messages';

/** How a process ended: by itself with a code, or by a signal. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process ended before it served. */
export class StartFailure extends Error {
  constructor(readonly ending: Ending) {
    super(`It ended before it served (${ending.signal ?? `exit code ${ending.code}`})`);
  }
}

/** One forked process, as its primary sees it. */
export class Child {
  /** Its URL once it serves; rejects with a `StartFailure` when it ends before. */
  readonly ready: Promise<string>;
  /** Resolves when it is gone and everything that it said has been heard. */
  readonly ended: Promise<Ending>;
  /** What it last said of itself. */
  figures: Figures = [];
  isServing = false;
  /** It was told to end: nobody takes its place. */
  isLeaving = false;
  private readonly worker = cluster.fork();
  private readonly served = Promise.withResolvers<string>();
  private measuring: PromiseWithResolvers<void> | undefined;

  /** `scrape`: what a scrape of this process shall show. */
  constructor(private readonly scrape: () => Promise<string>) {
    this.ended = this.untilEnded();
    void this.ended.then((ending) => {
      this.served.reject(new StartFailure(ending));
      this.measuring?.resolve();
    });
    this.ready = this.served.promise;
    this.ready.catch(() => undefined); // Who only replaces another waits for its end alone.
    this.worker.on('message', (message: ToPrimary) => { this.take(message); });
  }

  get pid(): number | undefined {
    return this.worker.process.pid;
  }

  /** Asked for its figures, it has not answered yet: what it said before is old. */
  get isSilent(): boolean {
    return this.measuring !== undefined;
  }

  /** Asks for its figures; resolves when they are there. Those who ask at once share an answer. */
  measure(): Promise<void> {
    if (this.measuring === undefined) {
      this.measuring = Promise.withResolvers();
      this.tell({ type: 'measure' });
    }
    return this.measuring.promise;
  }

  /**
   * Tells it to end: with `stop` as the whole product does, with `retire` in favour of the others
   * on its port. After `patienceMs` it is killed.
   */
  async end(how: 'stop' | 'retire', patienceMs: number): Promise<Ending> {
    this.isLeaving = true;
    if (how === 'retire') this.tell({ type: 'retire' });
    else this.worker.process.kill('SIGTERM');
    const timer = setTimeout(() => { this.worker.process.kill('SIGKILL'); }, patienceMs);
    const ending = await this.ended;
    clearTimeout(timer);
    return ending;
  }

  private take(message: ToPrimary): void {
    if (message.type === 'ready') {
      this.isServing = true;
      this.served.resolve(message.url);
    } else if (message.type === 'scrape') void this.answerScrape();
    else {
      this.figures = message.figures;
      this.measuring?.resolve();
      this.measuring = undefined;
    }
  }

  private async answerScrape(): Promise<void> {
    this.tell({ type: 'scraped', text: await this.scrape() });
  }

  /** One that cannot be told anything is ending, and its end is what counts. */
  private tell(message: ToChild): void {
    this.worker.process.send(message, undefined, undefined, () => undefined);
  }

  private async untilEnded(): Promise<Ending> {
    try {
      // Its last words may be read after its exit, but before the channel to it is closed.
      const [[code, signal]] = await Promise.all([
        once(this.worker, 'exit'), once(this.worker, 'disconnect'),
      ]) as [[number | null, NodeJS.Signals | null], unknown];
      return { code, signal };
    } catch {
      return { code: null, signal: null }; // It could not even be forked.
    }
  }
}

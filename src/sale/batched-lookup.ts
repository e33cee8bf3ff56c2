import { setTimeout as sleep } from 'node:timers/promises';
import { TemporarilyUnavailable } from '../kernel';

/** How long answers are remembered, and how hard the reads may press. */
export interface LookupBounds {
  readonly keepMs: number;
  /** For what does not exist; longer pays where it cannot come into being meanwhile. */
  readonly keepMissingMs?: number;
  readonly entriesAtMost?: number;
  /** Least time from the end of one read to the next. */
  readonly pauseMs?: number;
  readonly idsPerReadAtMost?: number;
}

interface Remembered<Value> {
  readonly value: Value | undefined;
  readonly untilMs: number;
}

interface Batch<Value> {
  readonly ids: Set<string>;
  readonly found: Promise<ReadonlyMap<string, Value>>;
}

/**
 * Looks things up by id so that a crowd costs little, also one that asks for ids at random: what
 * was found or missed is remembered for a moment, one read runs at a time, and every id that is
 * asked for meanwhile goes into the next one.
 */
export class BatchedLookup<Value> {
  private readonly bounds: Required<LookupBounds>;
  private readonly remembered = new Map<string, Remembered<Value>>();
  private running: Promise<unknown> = Promise.resolve();
  private next: Batch<Value> | undefined;
  private restUntilMs = 0;

  /** `read` leaves out what does not exist. */
  constructor(
    private readonly read: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
    bounds: LookupBounds,
  ) {
    this.bounds = { keepMissingMs: bounds.keepMs, entriesAtMost: 10_000, pauseMs: 0,
      idsPerReadAtMost: Infinity, ...bounds };
  }

  /**
   * What exists of these ids. Rejects as `read` does, and with TEMPORARILY_UNAVAILABLE when the
   * next read is full: not to know is no reason to say that there is nothing.
   */
  async find(ids: readonly string[]): Promise<ReadonlyMap<string, Value>> {
    const { found, missing } = this.recall(ids);
    if (missing.length === 0) return found;
    const read = await this.inNextBatch(missing);
    for (const id of missing) {
      const value = read.get(id);
      if (value !== undefined) found.set(id, value);
    }
    return found;
  }

  /** The next question for this id is asked anew. */
  forget(id: string): void {
    this.remembered.delete(id);
  }

  private inNextBatch(missing: readonly string[]): Promise<ReadonlyMap<string, Value>> {
    this.next ??= this.startBatch();
    const { ids, found } = this.next;
    const added = missing.filter((id) => !ids.has(id));
    if (ids.size + added.length > this.bounds.idsPerReadAtMost) {
      throw new TemporarilyUnavailable('Please ask again in a moment.');
    }
    for (const id of added) ids.add(id);
    return found;
  }

  private startBatch(): Batch<Value> {
    const ids = new Set<string>();
    const found = this.running.then(async () => {
      const restMs = this.restUntilMs - performance.now();
      if (restMs > 0) await sleep(restMs);
      this.next = undefined;
      // The read before this one may have answered for some of them.
      const recalled = this.recall([...ids]);
      if (recalled.missing.length === 0) return recalled.found;
      const read = await this.readRested(recalled.missing);
      this.remember(recalled.missing, read);
      return new Map([...recalled.found, ...read]);
    });
    this.running = found.catch(() => undefined);
    return { ids, found };
  }

  private async readRested(ids: readonly string[]): Promise<ReadonlyMap<string, Value>> {
    try {
      return await this.read(ids);
    } finally {
      this.restUntilMs = performance.now() + this.bounds.pauseMs;
    }
  }

  private recall(ids: readonly string[]) {
    const nowMs = performance.now();
    const found = new Map<string, Value>();
    const missing: string[] = [];
    for (const id of ids) {
      const known = this.remembered.get(id);
      if (known === undefined || known.untilMs <= nowMs) missing.push(id);
      else if (known.value !== undefined) found.set(id, known.value);
    }
    return { found, missing };
  }

  private remember(ids: readonly string[], read: ReadonlyMap<string, Value>): void {
    const { keepMs, keepMissingMs, entriesAtMost } = this.bounds;
    const nowMs = performance.now();
    for (const id of ids) {
      const value = read.get(id);
      const untilMs = nowMs + (value === undefined ? keepMissingMs : keepMs);
      // Put at the end again, so that the oldest are the first to go.
      this.remembered.delete(id);
      this.remembered.set(id, { value, untilMs });
    }
    for (const id of this.remembered.keys()) {
      if (this.remembered.size <= entriesAtMost) break;
      this.remembered.delete(id);
    }
  }
}

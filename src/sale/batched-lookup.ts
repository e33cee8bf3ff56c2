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
  private readonly remembered = new Map<string, Remembered<Value>>();
  private running: Promise<unknown> = Promise.resolve();
  private next: Batch<Value> | undefined;

  /** `read` leaves out what does not exist. */
  constructor(
    private readonly read: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
    private readonly keepMs: number,
    private readonly entriesAtMost = 10_000,
  ) {}

  /** What exists of these ids. Rejects as `read` does. */
  async find(ids: readonly string[]): Promise<ReadonlyMap<string, Value>> {
    const { found, missing } = this.recall(ids);
    if (missing.length === 0) return found;
    this.next ??= this.startBatch();
    for (const id of missing) this.next.ids.add(id);
    const read = await this.next.found;
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

  private startBatch(): Batch<Value> {
    const ids = new Set<string>();
    const found = this.running.then(async () => {
      this.next = undefined;
      // The read before this one may have answered for some of them.
      const recalled = this.recall([...ids]);
      if (recalled.missing.length === 0) return recalled.found;
      const read = await this.read(recalled.missing);
      this.remember(recalled.missing, read);
      return new Map([...recalled.found, ...read]);
    });
    this.running = found.catch(() => undefined);
    return { ids, found };
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
    const untilMs = performance.now() + this.keepMs;
    for (const id of ids) {
      // Put at the end again, so that the oldest are the first to go.
      this.remembered.delete(id);
      this.remembered.set(id, { value: read.get(id), untilMs });
    }
    for (const id of this.remembered.keys()) {
      if (this.remembered.size <= this.entriesAtMost) break;
      this.remembered.delete(id);
    }
  }
}

/** One look at a queue. `finished`: jobs completed since Redis has counted, by whatever process. */
export interface QueueLook {
  readonly jobs: number;
  readonly finished: number;
  readonly atMs: number;
}

/**
 * For how long a queue has had work and finished none of it, by looks at it. Time in which nobody
 * looked counts as one pause between two looks: Redis was away then, or this process stood still.
 */
export class Stillness {
  private last: QueueLook | undefined;
  private stillMs = 0;

  /** `pauseMs`: the longest usual time between two looks. */
  constructor(private readonly pauseMs: number) {}

  /** Milliseconds without progress; 0 when there is some, or nothing to do. */
  after(look: QueueLook): number {
    const { last } = this;
    this.last = look;
    // Another number, not a greater one: an empty Redis begins to count again.
    const isStill = last !== undefined && last.jobs > 0 && look.jobs > 0
      && look.finished === last.finished;
    this.stillMs = isStill ? this.stillMs + Math.min(look.atMs - last.atMs, this.pauseMs) : 0;
    return this.stillMs;
  }
}

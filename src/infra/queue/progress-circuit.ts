import { Circuit } from '../circuit';

/** One look at a queue. `finished`: jobs completed since Redis has counted, by whatever process. */
export interface QueueLook {
  readonly jobs: number;
  readonly finished: number;
}

class StoodStill extends Error {}

/**
 * The circuit of a queue that is judged by its progress: a look that finds work, and none of it
 * finished since the look before, is a fault; the first other one closes it again. Looks are counted,
 * not seconds: while Redis is away, or this process stands still, nobody looks.
 */
export class ProgressCircuit {
  private readonly circuit: Circuit;
  private last: QueueLook | undefined;

  /** `looksInARow`: so many without progress open it. */
  constructor(looksInARow: number) {
    this.circuit = new Circuit((error) => error instanceof StoodStill,
      { faultsInARow: looksInARow, leaveAloneMs: 0 });
  }

  get isOpen(): boolean {
    return this.circuit.isOpen;
  }

  async take(look: QueueLook): Promise<void> {
    const { last } = this;
    this.last = look;
    // Another number, not a greater one: an empty Redis begins to count again.
    const isStill = last !== undefined && last.jobs > 0 && look.jobs > 0
      && look.finished === last.finished;
    if (isStill) {
      await this.circuit.run(() => Promise.reject(new StoodStill())).catch(() => undefined);
    } else await this.circuit.run(() => Promise.resolve());
  }
}

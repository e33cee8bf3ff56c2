import { Injectable } from '@nestjs/common';
import { Metrics } from '../infra/metrics';
import { NothingHeld } from '../stock';

/** Enough that neither Redis nor this process ever waits for work. */
const insideAtMost = 128;
/** Longer than any answer of Redis: whoever is still inside then waits for something else. */
const placeMs = 2_000;
const waitAtMostMs = 10_000;

/** A purchase of a sale that asks Redis alone. `hasLeft`: nobody hears the answer any more. */
export interface Comer {
  readonly saleId: string;
  hasLeft(): boolean;
}

interface Waiting {
  readonly comer: Comer;
  readonly sinceMs: number;
  readonly turn: PromiseWithResolvers<number>;
}

interface Line {
  inside: number;
  readonly waiting: Waiting[];
}

/**
 * Lets so many purchases of a sale go their way through Redis at once, first come, first served. In a
 * rush the others wait here, where they cost nothing: a question to Redis among ten thousand would run
 * out of time, and by the time that somebody's turn comes memory may know his answer. Sales do not
 * wait for each other.
 */
@Injectable()
export class Turnstile {
  private readonly lines = new Map<string, Line>();

  constructor(private readonly metrics: Metrics) {}

  /** `purchase` gets the milliseconds for which it has waited. Throws NothingHeld when it was too long. */
  async pass<Result>(comer: Comer, purchase: (waitedMs: number) => Promise<Result>): Promise<Result> {
    const line = this.lineOf(comer.saleId);
    const waitedMs = line.inside < insideAtMost ? this.enter(line) : await this.turnIn(line, comer);
    let isInside = true;
    const leave = () => {
      if (isInside) this.leave(comer.saleId, line);
      isInside = false;
    };
    const timer = setTimeout(leave, placeMs);
    try {
      return await purchase(waitedMs);
    } finally {
      clearTimeout(timer);
      leave();
    }
  }

  private lineOf(saleId: string): Line {
    const known = this.lines.get(saleId);
    if (known) return known;
    const line: Line = { inside: 0, waiting: [] };
    this.lines.set(saleId, line);
    return line;
  }

  private enter(line: Line): number {
    line.inside += 1;
    return 0;
  }

  private turnIn(line: Line, comer: Comer): Promise<number> {
    const turn = Promise.withResolvers<number>();
    line.waiting.push({ comer, sinceMs: performance.now(), turn });
    this.metrics.purchasesWaiting.inc();
    return turn.promise;
  }

  /** Whoever leaves makes room for the next one, who takes his place. */
  private leave(saleId: string, line: Line): void {
    const nowMs = performance.now();
    for (let next = line.waiting.shift(); next; next = line.waiting.shift()) {
      this.metrics.purchasesWaiting.dec();
      const { comer, sinceMs, turn } = next;
      if (nowMs - sinceMs <= waitAtMostMs && !comer.hasLeft()) {
        turn.resolve(nowMs - sinceMs);
        return;
      }
      turn.reject(new NothingHeld(
        'Too many were before you. Ask again with the same Idempotency-Key.'));
    }
    line.inside -= 1;
    if (line.inside === 0) this.lines.delete(saleId);
  }
}

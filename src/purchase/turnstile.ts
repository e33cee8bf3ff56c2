import { Injectable } from '@nestjs/common';
import { Metrics } from '../infra/metrics';

/** Enough that neither Redis nor this process ever waits for work. */
const insideAtMost = 128;

/**
 * Lets so many purchases go their way through Redis at once, first come, first served. In a rush the
 * others wait here, where they cost nothing: a question to Redis among ten thousand would run out of
 * time, and by the time that somebody's turn comes memory may know his answer.
 */
@Injectable()
export class Turnstile {
  private inside = 0;
  private readonly line: (() => void)[] = [];

  constructor(private readonly metrics: Metrics) {}

  async pass<Result>(purchase: () => Promise<Result>): Promise<Result> {
    if (this.inside < insideAtMost) this.inside += 1;
    else await this.turn();
    try {
      return await purchase();
    } finally {
      this.leave();
    }
  }

  private turn(): Promise<void> {
    return new Promise((enter) => {
      this.line.push(enter);
      this.metrics.purchasesWaiting.set(this.line.length);
    });
  }

  /** Whoever leaves makes room for the next one, who takes his place. */
  private leave(): void {
    const enter = this.line.shift();
    if (enter === undefined) {
      this.inside -= 1;
      return;
    }
    this.metrics.purchasesWaiting.set(this.line.length);
    enter();
  }
}

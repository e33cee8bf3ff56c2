/** With no more sales than this, all are read each time. */
const fewSales = 16;
const allEveryMs = 200;
const blockMs = 250;

/** Whose outboxes a relay reads next, and how long it waits there for an entry. */
export interface OutboxTurn {
  readonly saleIds: readonly string[];
  readonly blockMs: number;
}

/**
 * A read costs by the outboxes that it names, had they anything or not. Where sales are many, those that
 * had something are read at once, and all of them every 200 ms, or as soon as those have nothing more.
 */
export class OutboxTurns {
  private busy: ReadonlySet<string> = new Set();
  private allAtMs = -Infinity;

  next(live: readonly string[], nowMs: number): OutboxTurn {
    const busy = live.filter((saleId) => this.busy.has(saleId));
    const isAllDue = busy.length === 0 || nowMs - this.allAtMs >= allEveryMs;
    if (live.length <= fewSales || isAllDue) {
      this.allAtMs = nowMs;
      return { saleIds: live, blockMs };
    }
    return { saleIds: busy, blockMs: allEveryMs };
  }

  /** To be told after each read which of the sales had something. */
  took(saleIds: readonly string[]): void {
    this.busy = new Set(saleIds);
  }
}

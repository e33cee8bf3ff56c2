/** How many work, how much each takes along, and who is sent away. */
export interface TurnLimits {
  workers: number;
  together: number;
  waiting: number;
  waitMs: number;
}

interface Waiting<Item, Result> {
  item: Item;
  sinceMs: number;
  result: PromiseWithResolvers<Result>;
}

/**
 * A few workers for a crowd: whoever becomes free takes along all that wait by then, up to a bound.
 * So the work grows with the crowd, and the number of those who work at once does not.
 */
export class TurnQueue<Item, Result> {
  private readonly waiting: Waiting<Item, Result>[] = [];
  private working = 0;
  private timer: NodeJS.Timeout | undefined;

  /**
   * `work` resolves to one outcome for each item, in their sequence; what it rejects with is
   * everybody's. `turnAway` makes the error of those for whom there is no room or no time.
   */
  constructor(
    private readonly limits: TurnLimits,
    private readonly work: (items: readonly Item[]) => Promise<PromiseSettledResult<Result>[]>,
    private readonly turnAway: () => Error,
  ) {}

  async run(item: Item): Promise<Result> {
    if (this.waiting.length >= this.limits.waiting) throw this.turnAway();
    const result = Promise.withResolvers<Result>();
    this.waiting.push({ item, sinceMs: performance.now(), result });
    if (this.working < this.limits.workers) void this.workOn();
    else this.timer ??= setInterval(() => { this.sendAway(); }, this.limits.waitMs / 4).unref();
    return result.promise;
  }

  private async workOn(): Promise<void> {
    this.working += 1;
    // Those who come in the same turn of the event loop go along.
    await Promise.resolve();
    for (let taken = this.take(); taken.length > 0; taken = this.take()) await this.serve(taken);
    this.working -= 1;
  }

  private async serve(taken: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const outcomes = await this.work(taken.map(({ item }) => item));
      for (const [index, { result }] of taken.entries()) {
        const outcome = outcomes[index];
        if (outcome?.status === 'fulfilled') result.resolve(outcome.value);
        else result.reject(outcome?.reason ?? new Error('No outcome came of an item'));
      }
    } catch (error) {
      for (const { result } of taken) result.reject(error);
    }
  }

  private take(): Waiting<Item, Result>[] {
    this.sendAway();
    return this.waiting.splice(0, this.limits.together);
  }

  /** Also while every worker hangs: nobody waits longer than he was told. */
  private sendAway(): void {
    const oldestMs = performance.now() - this.limits.waitMs;
    while (this.waiting[0] && this.waiting[0].sinceMs < oldestMs) {
      this.waiting.shift()?.result.reject(this.turnAway());
    }
    if (this.waiting.length > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

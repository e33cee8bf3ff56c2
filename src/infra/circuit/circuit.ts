import { BrokenCircuitError, circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen,
  type CircuitBreakerPolicy } from 'cockatiel';

/** When a part is left alone, and for how long. */
export interface CircuitSettings {
  readonly faultsInARow: number;
  readonly leaveAloneMs: number;
}

const usual: CircuitSettings = { faultsInARow: 5, leaveAloneMs: 1_000 };

/**
 * Leaves a part alone for a second after five of its faults in a row: whoever asks then is refused
 * at once, with what `isOpenCircuit` knows. Afterwards one caller finds out, while the others are
 * refused still, and his success lets everybody in again.
 */
export class Circuit {
  private policy: CircuitBreakerPolicy;
  private leftAloneUntilMs = -Infinity;
  private holdOpen: { dispose(): void } | undefined;

  /** `isFault`: what says that the part is away, and not that it refused one request. */
  constructor(
    private readonly isFault: (error: unknown) => boolean,
    private readonly settings = usual,
  ) {
    this.policy = this.closed();
  }

  get isOpen(): boolean {
    return this.policy.state !== CircuitState.Closed;
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    // The library would let him wait for the one who finds out, and would go by the wall clock, which may be
    // put back.
    const { state } = this.policy;
    const isTooEarly = state === CircuitState.Open && performance.now() < this.leftAloneUntilMs;
    if (isTooEarly || state === CircuitState.HalfOpen) throw new BrokenCircuitError();
    return this.policy.execute(work);
  }

  /** The part is known to be there again. */
  close(): void {
    this.policy = this.closed();
  }

  /** Open, whatever calls come to, for as long as one who knows better says so. */
  hold(isHeld: boolean): void {
    if (!isHeld) {
      this.holdOpen?.dispose();
      this.holdOpen = undefined;
    } else this.holdOpen ??= this.policy.isolate();
  }

  private closed(): CircuitBreakerPolicy {
    const { faultsInARow, leaveAloneMs } = this.settings;
    const policy = circuitBreaker(handleWhen((error) => this.isFault(error)),
      { halfOpenAfter: -Infinity, breaker: new ConsecutiveBreaker(faultsInARow) });
    policy.onBreak(() => { this.leftAloneUntilMs = performance.now() + leaveAloneMs; });
    return policy;
  }
}

/** True for a call that was not even made: it has had no effect. */
export function isOpenCircuit(error: unknown): boolean {
  return error instanceof BrokenCircuitError;
}

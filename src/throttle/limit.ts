import type { ThrottleWindow } from '../config';
import type { ProblemError } from '../kernel';
import { Blocks } from './blocks';
import { Refusals } from './refusals';
import { idIn, type Scope, type ThrottleSubject } from './subject';

const sentences: Record<Scope, string> = {
  user: 'You have asked too often.',
  ip: 'Too many requests have come from your network address.',
  device: 'Too many requests have come from this device.',
  sale: 'More buyers ask for this sale than can be served at the moment.',
  global: 'More buyers ask than can be served at the moment.',
};

/** How often each identity of one scope may ask, and whom this process knows to be refused. */
export class Limit {
  private readonly blocks = new Blocks();
  private readonly refusals: readonly Refusals[];

  private constructor(
    private readonly scope: Scope,
    /** The key of an identity of this scope. */
    private readonly keyOfId: (id: string) => string,
    windows: readonly ThrottleWindow[],
    /** What `admit-n.lua` is told about each of its keys. */
    readonly scriptArguments: readonly number[],
  ) {
    const policy = { name: scope, windows, sentence: sentences[scope] };
    this.refusals = windows.map(() => new Refusals(policy));
  }

  /** Never more than `limit` in any `windowSeconds`, for each window; undefined without windows. */
  static sliding(scope: Scope, keyOfId: (id: string) => string,
    windows: readonly ThrottleWindow[]): Limit | undefined {
    if (windows.length === 0) return undefined;
    return new Limit(scope, keyOfId, windows, [windows.length,
      ...windows.flatMap(({ limit, windowSeconds }) => [limit, windowSeconds])]);
  }

  /** On the average so many a second, as many at once; undefined without a rate. */
  static bucket(scope: Scope, keyOfId: (id: string) => string,
    perSecond: number | undefined): Limit | undefined {
    if (perSecond === undefined) return undefined;
    return new Limit(scope, keyOfId, [{ limit: perSecond, windowSeconds: 1 }], [0, perSecond]);
  }

  /** Where the subject is counted; undefined where it is not. */
  keyOf(subject: ThrottleSubject): string | undefined {
    const id = idIn[this.scope](subject);
    return id === undefined ? undefined : this.keyOfId(id);
  }

  /** The refusal that memory knows of. */
  blocked(subject: ThrottleSubject, nowMs: number): ProblemError | undefined {
    if (this.blocks.size === 0) return undefined;
    const id = idIn[this.scope](subject);
    const block = id === undefined ? undefined : this.blocks.find(id, nowMs);
    return block?.refusals.after(block.endsAtMs - nowMs);
  }

  /** The refusal by this window for so long from now on; remembered until then. */
  refuse(subject: ThrottleSubject, window: number, waitMs: number, nowMs: number): ProblemError {
    const id = idIn[this.scope](subject);
    const refusals = this.refusals[window];
    if (id === undefined || refusals === undefined) {
      throw new Error(`Nobody asked about window ${window} of the scope ${this.scope}`);
    }
    this.blocks.add(id, { endsAtMs: nowMs + waitMs, refusals });
    return refusals.after(waitMs);
  }
}

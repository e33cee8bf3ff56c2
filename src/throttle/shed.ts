import type { ProblemError } from '../kernel';
import type { Lots } from './lots';
import { Refusals } from './refusals';

/** A sale as far as it sheds a part of its opening rush. Times are milliseconds since 1970. */
export interface SheddingSale {
  readonly id: string;
  readonly opensAtMs: number;
  readonly protection: {
    readonly shedding?: {
      /** From 0 to 1. */
      readonly share: number;
      readonly retryAfterSeconds: number;
      readonly forSeconds: number;
    };
  };
}

export interface SheddingSubject {
  readonly userId: string;
  readonly sale: SheddingSale;
}

/** By `retryAfterSeconds`. */
const refusals = new Map<number, Refusals>();

/**
 * The RATE_LIMITED of those on whom the lot falls in the seconds after the opening. It is drawn
 * once for each buyer and window of `retryAfterSeconds`: asking more often changes nothing, and in
 * the next window he has the same chance as everybody.
 */
export function shed({ userId, sale }: SheddingSubject, nowMs: number,
  lots: Pick<Lots, 'of'>): ProblemError | undefined {
  const { shedding } = sale.protection;
  if (shedding === undefined) return undefined;
  const sinceOpeningMs = nowMs - sale.opensAtMs;
  if (sinceOpeningMs < 0 || sinceOpeningMs >= shedding.forSeconds * 1_000) return undefined;
  const windowMs = shedding.retryAfterSeconds * 1_000;
  const window = Math.floor(sinceOpeningMs / windowMs);
  if (lots.of(`${sale.id}|${window}|${userId}`) >= shedding.share) return undefined;
  return refusalsOf(shedding.retryAfterSeconds).after((window + 1) * windowMs - sinceOpeningMs);
}

function refusalsOf(windowSeconds: number): Refusals {
  const known = refusals.get(windowSeconds);
  if (known !== undefined) return known;
  const made = new Refusals({ name: 'opening', windows: [{ limit: 1, windowSeconds }],
    sentence: 'More buyers have come than can be served at once; who may pass is drawn.' });
  refusals.set(windowSeconds, made);
  return made;
}

import type { Claim, RefusedClaim } from './sliding-window-storage';

/** At most some 55 MB: an identity that has asked once takes about 540 bytes, and counts as two. */
const entriesAtMost = 200_000;

interface Window {
  readonly limit: number;
  readonly windowSeconds: number;
}

/** Of one identity: a log of when its last requests were let through, or a bucket as one number. */
interface Account {
  /** Milliseconds, the latest last. Empty for a bucket. */
  stamps: number[];
  tokens: number;
  /** When it was last used, and from when on it cannot refuse any more. */
  usedAtMs: number;
  endsAtMs: number;
}

/**
 * The same limits as `admit-n.lua`, in the memory of one process: for sales that go on without
 * Redis. Of more identities than fit, those that asked least recently are forgotten.
 */
export class MemoryStorage {
  private readonly accounts = new Map<string, Account>();
  private entries = 0;

  constructor(private readonly atMost = entriesAtMost) {}

  /** Requests and identities that are remembered. */
  get size(): number {
    return this.entries;
  }

  /**
   * Counts one request in every claim and answers none, or counts it nowhere and answers the claims
   * that refuse it, the longest first. Time is that of `performance.now()`.
   */
  take<Given extends Claim>(claims: readonly Given[], nowMs: number): RefusedClaim<Given>[] {
    const refused = claims.flatMap((claim) => {
      const account = this.accounts.get(claim.key);
      const refusal = account && refusalOf(account, claim, nowMs);
      return refusal ? [{ claim, ...refusal }] : [];
    });
    if (refused.length > 0) return refused.sort((one, other) => other.waitMs - one.waitMs);
    for (const claim of claims) this.count(claim, nowMs);
    this.forget(nowMs);
    return [];
  }

  private count({ key, scriptArguments }: Claim, nowMs: number): void {
    const account = this.accounts.get(key) ?? newAccount(scriptArguments, nowMs);
    // Whoever asked last comes last.
    if (this.accounts.delete(key)) this.entries -= account.stamps.length + 1;
    this.accounts.set(key, account);
    const windows = windowsOf(scriptArguments);
    if (windows.length === 0) {
      account.tokens = tokensAt(account, rateOf(scriptArguments), nowMs) - 1;
      account.endsAtMs = nowMs + 1_000;
    } else {
      const keep = Math.max(...windows.map(({ limit }) => limit));
      account.stamps.push(nowMs);
      // Half of it at once, so that a request does not move them all.
      if (account.stamps.length >= 2 * keep) account.stamps = account.stamps.slice(-keep);
      account.endsAtMs = nowMs
        + Math.max(...windows.map(({ windowSeconds }) => windowSeconds)) * 1_000;
    }
    account.usedAtMs = nowMs;
    this.entries += account.stamps.length + 1;
  }

  /** Whoever is first has not asked for the longest time. */
  private forget(nowMs: number): void {
    for (const [key, { stamps, endsAtMs }] of this.accounts) {
      if (endsAtMs > nowMs && this.entries <= this.atMost) return;
      this.accounts.delete(key);
      this.entries -= stamps.length + 1;
    }
  }
}

function newAccount(scriptArguments: readonly number[], nowMs: number): Account {
  return { stamps: [], tokens: rateOf(scriptArguments), usedAtMs: nowMs, endsAtMs: nowMs };
}

function refusalOf(account: Account, { scriptArguments }: Claim,
  nowMs: number): { window: number; waitMs: number } | undefined {
  const windows = windowsOf(scriptArguments);
  if (windows.length === 0) {
    const rate = rateOf(scriptArguments);
    const tokens = tokensAt(account, rate, nowMs);
    return tokens < 1 ? { window: 0, waitMs: (1 - tokens) * 1_000 / rate } : undefined;
  }
  const waits = windows.map(({ limit, windowSeconds }) => {
    // The last but `limit` to be let through: when within the window, then the window is full.
    const earlier = account.stamps.at(-limit);
    return earlier === undefined ? 0 : earlier + windowSeconds * 1_000 - nowMs;
  });
  const waitMs = Math.max(...waits);
  return waitMs > 0 ? { window: waits.indexOf(waitMs), waitMs } : undefined;
}

function tokensAt({ tokens, usedAtMs }: Account, rate: number, nowMs: number): number {
  return Math.min(rate, tokens + (nowMs - usedAtMs) * rate / 1_000);
}

/** A log says `windows, limit, seconds, …`, a bucket `0, requests a second`. */
function windowsOf([count = 0, ...pairs]: readonly number[]): Window[] {
  return Array.from({ length: count }, (_, window) => (
    { limit: pairs[2 * window] ?? 0, windowSeconds: pairs[2 * window + 1] ?? 0 }));
}

function rateOf([, rate = 0]: readonly number[]): number {
  return rate;
}

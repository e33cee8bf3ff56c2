import type { Fault } from './state';

/** One press on "Buy". Its index in the world is its rid. */
export interface Attempt {
  readonly sale: number;
  readonly buyer: string;
  readonly quantity: number;
}

/** What buyers, operators and clocks may do besides buying; each costs states. */
export type Habit = 'pay' | 'cancel' | 'overdue' | 'refund' | 'freeze' | 'ask';

/** The guards of the protocol. Each may be switched off, to see what breaks. */
export const soundRules = {
  /** reserve and retake compare the run id of the server with that in the data. */
  bootFence: true,
  /** reserve and retake sell only from an open sale. */
  stateFence: true,
  /** reserve answers a known rid with its record. */
  replay: true,
  /** reserve writes to the outbox within the script. */
  outbox: true,
  /** release looks at what the record says. */
  recordCheck: true,
  /** release of a frozen row leaves a newer hold alone. */
  holdNumber: true,
  /** The guarded update compares the epoch. */
  epochCheck: true,
  /** The guarded update compares the total. */
  unitCheck: true,
  /** The limit of a buyer is checked by the database. */
  quotaCheck: true,
  /** A row is there once. */
  primaryKey: true,
  /** What no order came of gets a tombstone: the rejected, and the undecided of S11. */
  tombstones: true,
  /** S7 has the old status in its WHERE. */
  statusCheck: true,
  /** Payment has the deadline in its WHERE. */
  deadlineCheck: true,
  /** S9 enqueues again what has no row. */
  sweep: true,
  /** S10 ends what nobody pays. */
  expiry: true,
  /** S11 closes the sale before it looks. */
  closesFirst: true,
  /** S11 writes what Redis holds before it loads. */
  drains: true,
  /** S11 raises the epoch. */
  raisesEpoch: true,
  /** load-begin wipes only a sale that its own run of S11 was the last to close. */
  closerCheck: true,
  /** load-begin marks adjustments that the total contains. */
  marksAdjustments: true,
  /** A decrease takes the units out of Redis first. */
  redisFirst: true,
  /** The borrower's side of a loan waits for that of the lender. */
  lenderFirst: true,
  /** "Sold out" is said only when no loan was under way and none has begun since. */
  looksAtLoans: true,
  /** A worker takes the present epoch for an older entry only while the database is the gate. */
  gateCheck: true,
} as const;

export type Rules = Readonly<Record<keyof typeof soundRules, boolean>>;

/** Ways of others, which the protocol does not have. */
export type BadHabit = 'redis := database' | 'lease frees units' | 'worker rolls back blindly'
  | 'reopens without loading';

/** A small case that is searched to its end. */
export interface World {
  /** Units of each sale. */
  readonly totals: readonly number[];
  readonly attempts: readonly Attempt[];
  readonly limitPerBuyer: number;
  readonly habits: readonly Habit[];
  /** So often each fault may happen. */
  readonly faults: Partial<Record<Fault, number>>;
  /** Change of the stock of the first sale (S12), once. */
  readonly delta?: number;
  /** So many units of the first sale go to the second, once: both are segments of one. */
  readonly loan?: number;
  readonly rules: Rules;
  readonly badHabits: readonly BadHabit[];
}

/** What S12 changes in a sale. */
export function deltaOf({ delta = 0, loan = 0 }: World, sale: number): number {
  return [delta - loan, loan][sale] ?? 0;
}

/** A world of one sale, one unit and two buyers, with what is given on top. */
export function world(given: Partial<World> = {}): World {
  return { totals: [1], attempts: buyers(2), limitPerBuyer: 2, habits: [], faults: {},
    rules: soundRules, badHabits: [], ...given };
}

/** Buyers of this many units each, in the first sale. */
export function buyers(count: number, quantity = 1, sale = 0): Attempt[] {
  return Array.from({ length: count }, (_, index) =>
    ({ sale, buyer: `buyer ${sale}.${index}`, quantity }));
}

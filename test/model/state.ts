import type { OrderStatus } from '../../src/stock/record';
import type { World } from './world';

/** What the outbox and the jobs carry about a reservation. */
export interface Entry {
  readonly epoch: number;
  readonly seq: number;
}

/**
 * An entry in the hands of a worker. `again`: its batch was refused, now it is tried alone, under
 * this epoch · `doomed`: refused alone, a rejected row is about to be written.
 */
export interface Job extends Entry {
  readonly phase: 'ready' | 'again' | 'doomed';
  readonly under: number;
}

/** One reservation as Redis keeps it. */
export interface Hold extends Entry {
  readonly status: OrderStatus;
  /** How often it has taken its units, from 1. */
  readonly hold: number;
}

export interface Counters {
  readonly available: number;
  readonly reserved: number;
  readonly ordered: number;
  readonly sold: number;
}

/** The meta hash of one sale. A boot of 0 is that of no server. */
export interface Meta extends Counters, Entry {
  readonly state: 'absent' | 'open' | 'recovering' | 'loading';
  readonly boot: number;
  readonly loader: number;
  /** The run of S11 that has closed it, or 0. */
  readonly closer: number;
  readonly total: number;
  /** The operator's change of the stock (S12) is in. */
  readonly isAdjusted: boolean;
}

/** Everything in Redis: metas by sale; holds and outbox by rid. */
export interface RedisData {
  readonly metas: readonly Meta[];
  readonly holds: readonly (Hold | undefined)[];
  readonly outbox: readonly (readonly Entry[])[];
}

/** An order row or a tombstone. `given`: its allocations in the ledger, less its releases. */
export interface Row {
  readonly status: Exclude<OrderStatus, 'reserved'>;
  readonly hold: number;
  readonly isOverdue: boolean;
  readonly given: number;
}

/** The row of `sale_stock`. */
export interface Stock extends Entry {
  readonly gate: 'redis' | 'database';
  readonly total: number;
  readonly allocated: number;
}

/** S12 of a sale, and the epoch its worker has read. `in_redis`: a decrease in its transaction. */
export interface Adjustment {
  readonly status: 'pending' | 'in_redis' | 'in_database' | 'done' | 'refused';
  readonly readEpoch: number;
}

/** One run of S11. What it read is older than what it writes. */
export interface Runner {
  readonly phase: 'begun' | 'closed' | 'draining' | 'raised' | 'counted' | 'loading' | 'read'
    | 'loaded';
  /** No other run has it. */
  readonly id: number;
  readonly sale: number;
  readonly boot: number;
  /** That of the database when it began, then the one it has raised it to. */
  readonly epoch: number;
  /** Rids that the scan found held. */
  readonly undecided: readonly number[];
  readonly total: number;
  readonly seq: number;
  readonly isAdjusted: boolean;
  readonly rows: readonly (Row | undefined)[];
}

/** A thaw under way (S13): the hold it read, and the epoch it took the units under, or 0. */
export interface Thaw {
  readonly hold: number;
  readonly epoch: number;
}

/** Of one buyer, whether the segments have anything left. */
export interface Question {
  /** A loan had begun when he began. */
  readonly begun: boolean;
  /** Segments in which he found nothing. */
  readonly seen: readonly boolean[];
  /** He was told that all is sold. */
  readonly isOut: boolean;
}

export type Fault = 'rollback' | 'lostJob' | 'crash' | 'doubt' | 'lostLock' | 'outage';

/** One moment of the whole product. Arrays are by sale or by rid. */
export interface State {
  /** Run id of the Redis server that answers. */
  readonly boot: number;
  readonly redis: RedisData;
  /** Earlier moments that Redis may fall back to. */
  readonly saved: readonly RedisData[];
  readonly stocks: readonly Stock[];
  readonly rows: readonly (Row | undefined)[];
  readonly jobs: readonly (readonly Job[])[];
  /** Buyers who were told that it is theirs, as long as Redis keeps what it said. */
  readonly promised: readonly boolean[];
  readonly runners: readonly Runner[];
  readonly runsBegun: number;
  readonly thaws: readonly (Thaw | undefined)[];
  readonly adjustments: readonly Adjustment[];
  readonly question: Question | undefined;
  /** Faults that may still happen. */
  readonly faults: Readonly<Record<Fault, number>>;
}

/** Every sale loaded and open, nobody has bought. */
export function initialState({ totals, attempts, faults }: World): State {
  const none = attempts.map(() => undefined);
  const empty = attempts.map(() => []);
  return {
    boot: 1,
    redis: {
      metas: totals.map((total): Meta => ({ state: 'open', boot: 1, loader: 0, closer: 0, epoch: 1,
        seq: 0, total, available: total, reserved: 0, ordered: 0, sold: 0, isAdjusted: false })),
      holds: none,
      outbox: empty,
    },
    saved: [],
    stocks: totals.map((total): Stock =>
      ({ epoch: 1, seq: 0, gate: 'redis', total, allocated: 0 })),
    rows: none,
    jobs: empty,
    promised: attempts.map(() => false),
    runners: [],
    runsBegun: 0,
    thaws: none,
    adjustments: totals.map((): Adjustment => ({ status: 'pending', readEpoch: 0 })),
    question: undefined,
    faults: { rollback: 0, lostJob: 0, crash: 0, doubt: 0, lostLock: 0, outage: 0, ...faults },
  };
}

/** Redis as it is after a start without its files. */
export function emptyRedis({ totals, attempts }: World): RedisData {
  return {
    metas: totals.map((): Meta => ({ state: 'absent', boot: 0, loader: 0, closer: 0, epoch: 0,
      seq: 0, total: 0, available: 0, reserved: 0, ordered: 0, sold: 0, isAdjusted: false })),
    holds: attempts.map(() => undefined),
    outbox: attempts.map(() => []),
  };
}

/** A copy of the array with one item changed. */
export function changed<T>(items: readonly T[], index: number, item: T): readonly T[] {
  const copy = items.slice();
  copy[index] = item;
  return copy;
}

/** The item at an index that is known to exist. */
export function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`There is nothing at ${index}`);
  return item;
}

export function holdsUnits(status: OrderStatus): boolean {
  return status === 'pending_payment' || status === 'paid';
}

/** Whether this server and this generation of the data sell the sale. */
export function isLive({ boot, redis, stocks }: State, sale: number): boolean {
  const meta = at(redis.metas, sale);
  const stock = at(stocks, sale);
  return meta.boot === boot && meta.epoch === stock.epoch && stock.gate === 'redis';
}

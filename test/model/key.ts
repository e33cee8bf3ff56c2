import { recordLetters } from '../../src/stock/record';
import { at, type Adjustment, type Entry, type Hold, type Job, type Meta, type RedisData, type Row,
  type Runner, type State } from './state';
import type { World } from './world';

const metaStates = { absent: 0, open: 1, recovering: 2, loading: 3 } as const satisfies
  Record<Meta['state'], number>;
const jobPhases = { ready: 0, again: 1, doomed: 2 } as const satisfies Record<Job['phase'], number>;
const runnerPhases = { begun: 0, closed: 1, draining: 2, raised: 3, counted: 4, loading: 5, read: 6,
  loaded: 7 } as const satisfies Record<Runner['phase'], number>;
const adjustmentStatuses = { pending: 0, in_redis: 1, in_database: 2, done: 3,
  refused: 4 } as const satisfies Record<Adjustment['status'], number>;
/** From -16 on. */
const digits = Array.from({ length: 80 }, (_, index) => String.fromCharCode(index + 33));

/** One character per number, so that a key stays a short string of single bytes. */
function text(...numbers: number[]): string {
  let characters = '';
  for (const number of numbers) characters += digits[number + 16];
  return characters;
}

/**
 * Tells states apart by what can still matter: epochs by how old they are, servers by whether they
 * answer now, work on what has its row already not at all. Two buyers who want the same are
 * interchangeable.
 */
export function keyFor(world: World): (state: State) => string {
  const groups = groupsOf(world);
  return (state) => {
    let key = text(...Object.values(state.faults));
    state.stocks.forEach((stock, sale) => {
      const { status, readEpoch } = at(state.adjustments, sale);
      const age = ageIn(stock.epoch);
      key += text(stock.gate === 'redis' ? 0 : 1, stock.total, stock.allocated,
        adjustmentStatuses[status], age(readEpoch));
      key += metaKey(at(state.redis.metas, sale), stock, state.boot, state.runners);
      for (const { metas } of state.saved) {
        key += metaKey(at(metas, sale), stock, -1, state.runners);
      }
    });
    if (state.question) {
      const { begun, seen, isOut } = state.question;
      key += `?${text(begun ? 1 : 0, isOut ? 1 : 0, ...seen.map((isSeen) => isSeen ? 1 : 0))}`;
    }
    for (const runner of state.runners) {
      const stock = at(state.stocks, runner.sale);
      key += `|${text(runnerPhases[runner.phase], runner.sale, runner.boot === state.boot ? 1 : 0,
        ageIn(stock.epoch)(runner.epoch), runner.total, runner.seq - stock.seq,
        runner.isAdjusted ? 1 : 0)}`;
    }
    for (const group of groups) {
      const parts = group.map((rid) => ridKey(world, state, rid));
      key += `/${parts.length === 1 ? at(parts, 0) : parts.sort().join(',')}`;
    }
    return key;
  };
}

/** How many epochs ago; -1 for an epoch of 0, which is none. */
function ageIn(present: number) {
  return (epoch: number) => epoch === 0 ? -1 : present - epoch;
}

/** Rids of one sale, quantity and, where he presses more than once, buyer. */
function groupsOf({ attempts }: World): number[][] {
  const countOf = (buyer: string) => attempts.filter((attempt) => attempt.buyer === buyer).length;
  return [...Map.groupBy(attempts.keys(), (rid) => {
    const { sale, buyer, quantity } = at(attempts, rid);
    return `${sale} ${quantity} ${countOf(buyer) > 1 ? buyer : ''}`;
  }).values()];
}

/** `runners`: those that may still remember having closed the sale. */
function metaKey(meta: Meta, stock: Entry, boot: number, runners: readonly Runner[]): string {
  return text(metaStates[meta.state], meta.boot === boot ? 1 : 0, meta.loader === boot ? 1 : 0,
    ageIn(stock.epoch)(meta.epoch), meta.seq - stock.seq, meta.total, meta.available, meta.reserved,
    meta.ordered, meta.sold, meta.isAdjusted ? 1 : 0,
    runners.findIndex(({ id }) => id === meta.closer));
}

function ridKey(world: World, state: State, rid: number): string {
  const stock = at(state.stocks, at(world.attempts, rid).sale);
  const age = ageIn(stock.epoch);
  const row = state.rows[rid];
  const isOpen = !row || !world.rules.primaryKey;
  let key = rowKey(row) + (state.promised[rid] === true ? '!' : '')
    + recordKey(state.redis.holds[rid]);
  if (isOpen) {
    key += outboxKey(state.redis);
    for (const job of at(state.jobs, rid)) {
      key += entryKey(job) + text(jobPhases[job.phase], age(job.under));
    }
  }
  for (const data of state.saved) {
    key += `;${recordKey(data.holds[rid])}${isOpen ? outboxKey(data) : ''}`;
  }
  for (const { undecided, rows } of state.runners) {
    key += `:${isOpen && undecided.includes(rid) ? 'u' : ''}${rowKey(rows[rid])}`;
  }
  const thaw = state.thaws[rid];
  return thaw ? `${key}t${text(thaw.hold, age(thaw.epoch))}` : key;

  function recordKey(hold: Hold | undefined): string {
    if (!hold) return '-';
    // Only what is reserved can still become an entry.
    return recordLetters[hold.status] + text(hold.hold)
      + (hold.status === 'reserved' ? entryKey(hold) : '');
  }

  function outboxKey({ outbox }: RedisData): string {
    return at(outbox, rid).map((entry) => `o${entryKey(entry)}`).join('');
  }

  /** Every number up to that of the database is worth the same. */
  function entryKey({ epoch, seq }: Entry): string {
    return text(age(epoch), Math.max(0, seq - stock.seq));
  }
}

function rowKey(row: Row | undefined): string {
  return row ? recordLetters[row.status] + text(row.hold, row.isOverdue ? 1 : 0, row.given) : '-';
}

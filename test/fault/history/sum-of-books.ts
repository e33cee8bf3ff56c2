import type { Books } from '../support/books';

/**
 * The books of a sale in segments as one: what its segments have together, buyer by buyer, and what
 * they lent each other. Whoever bought in two of them holds the units of both.
 */
export function sumOfBooks(id: string, segments: Books[],
  lent: Pick<Books, 'loans' | 'loanMovements'>): Books {
  const [first] = segments;
  if (!first) throw new Error(`The sale ${id} has no segments`);
  const { pending, paid, outbox } = added(segments.map((part) =>
    ({ pending: part.pending, paid: part.paid, outbox: part.outbox })));
  return {
    id, segments, ...lent, pending, paid, outbox,
    hasRedisSide: segments.every(({ hasRedisSide }) => hasRedisSide),
    database: { ...added(segments.map(({ database }) => database)), limit: first.database.limit },
    ledger: added(segments.map(({ ledger }) => ledger)),
    quotas: added(segments.map(({ quotas }) => quotas)),
    users: added(segments.map(({ users }) => users)),
    redis: {
      ...added(segments.map(({ redis: { available, reserved, ordered, sold, total, epoch, seq } }) =>
        ({ available, reserved, ordered, sold, total, epoch, seq }))),
      state: segments.map(({ redis }) => redis.state).find((state) => state !== 'open') ?? 'open',
    },
    rows: segments.flatMap(({ rows }) => rows),
    records: Object.assign({}, ...segments.map(({ records }) => records)) as Books['records'],
    takenPayments: segments.flatMap(({ takenPayments }) => takenPayments),
    replacements: segments.flatMap(({ replacements }) => replacements),
    latePayments: segments.flatMap(({ latePayments }) => latePayments),
  };
}

/** Name by name; one that some have not counts nothing there. */
function added<Counts extends Record<string, number>>(parts: readonly Counts[]): Counts {
  const sums: Record<string, number> = {};
  for (const [name, count] of parts.flatMap(Object.entries<number>)) {
    sums[name] = (sums[name] ?? 0) + count;
  }
  return sums as Counts;
}

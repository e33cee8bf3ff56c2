import { holdsUnits, heldByRows, isTombstone, unitsOf, type Evidence, type Facts } from './facts';
import { recordLetters } from '../../../src/stock/record';
import type { Books } from '../support/books';

type Rule = (facts: Pick<Facts, 'books' | 'mayLose'>) => Evidence[];

const heldLetters: readonly string[] = [recordLetters.reserved, recordLetters.pending_payment,
  recordLetters.paid];

/** The evidence when it is not so. */
function unless(holds: boolean, ...evidence: unknown[]): Evidence[] {
  return holds ? [] : [evidence];
}

/** I1: what orders hold is what their rows say, and never more than there is. */
export const allocatedIsRows: Rule = ({ books: { database, pending, paid } }) => {
  const { allocated, total } = database;
  return unless(allocated === pending + paid && allocated >= 0 && allocated <= total,
    { allocated, pending, paid, total });
};

/** I2: no unit of Redis is in two places, or in none. */
export const redisAddsUp: Rule = ({ books: { redis } }) => {
  const { available, reserved, ordered, sold, total } = redis;
  return unless(available >= 0 && available + reserved + ordered + sold === total,
    { redis: { available, reserved, ordered, sold, total } });
};

/** I3: Redis never offers a unit that an order or a reservation without a row holds. */
export const nothingHeldIsOffered: Rule = ({ books }) => {
  const { redis: { available, reserved }, database: { total, allocated } } = books;
  return unless(available <= total - allocated - reserved,
    { available, reserved, total, allocated });
};

/** I4: at rest both sides agree to the unit. */
export const sidesAgree: Rule = ({ books: { redis, database, pending, paid } }) => {
  const { available, ordered, sold } = redis;
  const { total, allocated } = database;
  return unless(redis.total === total && available === total - allocated && ordered === pending
    && sold === paid, { redis: { total: redis.total, available, ordered, sold } },
  { database: { total, allocated, pending, paid } });
};

/** Rows and records that disagree about an order, of these statuses. */
function disagreeing({ books: { rows, records } }: Pick<Facts, 'books'>,
  status: string): Evidence[] {
  return rows.filter((row) => row.status === status && row.rid in records)
    .filter(({ rid }) => !heldLetters.includes(records[rid] ?? ''))
    .map((row) => [row, { record: records[row.rid] }]);
}

/** I9: a unit is on sale again only after its row is final or frozen. */
export const nothingReleasedEarly: Rule = (facts) => disagreeing(facts, 'pending_payment');

/** I10: never paid after release. */
export const nothingPaidAfterRelease: Rule = (facts) => disagreeing(facts, 'paid');

/** I11: what Redis numbers is never behind what the database has seen. */
export const numbersGoOn: Rule = ({ books: { redis, database } }) =>
  unless(redis.seq >= database.seq, { redis: redis.seq, database: database.seq });

/** I12: what Redis sells from is the present generation, and no row is from one to come. */
export const generationIsPresent: Rule = ({ books: { redis, database, rows } }) => [
  ...unless(redis.epoch === database.epoch, { redis: redis.epoch, database: database.epoch }),
  ...rows.filter(({ epoch }) => epoch > database.epoch).map((row) => [row, database]),
];

/**
 * I13: at the end nothing waits that nobody works on. Of what Redis lost, a tombstone may be the only
 * trace.
 */
export const nothingWaits: Rule = ({ books, mayLose }) => {
  const { rows, records, redis } = books;
  const isOpen = redis.state === 'open' || redis.state === 'closed';
  const rids = new Set(rows.map(({ rid }) => rid));
  return [
    ...unless(isOpen && redis.reserved === 0, { state: redis.state, reserved: redis.reserved }),
    ...rows.filter(({ rid, status }) => records[rid] !== recordLetters[status])
      .filter((row) => !(mayLose && records[row.rid] === undefined && isTombstone(row)))
      .map((row) => [row, { record: records[row.rid] ?? 'none' }]),
    ...Object.keys(records).filter((rid) => !rids.has(rid))
      .map((rid) => [{ rid, record: records[rid] }, 'no row']),
    ...books.loans.filter(({ status }) => status === 'begun').map((loan) => [loan]),
  ];
};

/** I14: the movements add up to the total, and to what orders hold. */
export const ledgerAddsUp: Rule = ({ books: { ledger, database: { total, allocated } } }) =>
  unless(ledger.total === total && ledger.allocated === allocated, { ledger },
    { database: { total, allocated } });

/** To the unit: what is offered and what rows hold is all there is, buyer by buyer. */
export const nothingIsLost: Rule = ({ books }) => {
  const { rows, redis, database, quotas, hasRedisSide } = books;
  const users = hasRedisSide ? books.users : quotas;
  const available = hasRedisSide ? redis.available : database.total - database.allocated;
  const held = heldByRows(rows);
  const units = unitsOf(rows.filter(holdsUnits));
  const buyers = new Set([...Object.keys(held), ...Object.keys(quotas), ...Object.keys(users)]);
  return [
    ...unless(available + units === database.total,
      { available, heldByRows: units, total: database.total }),
    ...[...buyers].filter((id) => (quotas[id] ?? 0) !== (held[id] ?? 0)
      || (users[id] ?? 0) !== (held[id] ?? 0)).map((id) =>
      [{ user: id, rows: held[id] ?? 0, quota: quotas[id] ?? 0, redis: users[id] ?? 0 }]),
    ...lentWrongly(books),
  ];
};

/** A loan that is done was given once and got once; any other moved nothing. */
function lentWrongly({ loans, loanMovements }: Books): Evidence[] {
  const sides = [...loanMovements, ...loans.filter(({ status }) => status === 'done')
    .flatMap(({ id, lender, borrower, units }) => [{ loan: id, segment: lender, units },
      { loan: id, segment: borrower, units: -units }])];
  return [...Map.groupBy(sides, ({ loan, segment }) => `${loan} ${segment}`).values()]
    .filter((side) => side.reduce((sum, { units }) => sum + units, 0) !== 0)
    .map(([side]) => [loans.find(({ id }) => id === side?.loan) ?? 'no such loan',
      loanMovements.filter(({ loan }) => loan === side?.loan)]);
}

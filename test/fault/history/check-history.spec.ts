import fc from 'fast-check';
import type { BookedOrder } from '../support/books';
import { Random } from '../support/random';
import { checkHistory, describeViolations, ruleNames, type RuleName } from './check-history';
import type { HistoryLine } from './history';
import { breachesOfSegments, segmentedCase } from './segmented-case';
import { SoundSale, type Case } from './sound-case';

type Buyer = 'ann' | 'bob' | 'cyd' | 'dan' | 'eva';

/** 4 units: ann paid for 1, bob owes for 2, cyd cancelled 1, dan bought 1, eva came too late. */
function soundCase(): Case {
  const sale = new SoundSale(new Random(1), 4);
  sale.visit('ann', 1, 'paid');
  sale.visit('bob', 2, 'pending_payment');
  sale.visit('cyd', 1, 'cancelled');
  sale.visit('dan', 1, 'pending_payment');
  sale.visit('eva', 1);
  return sale.finish();
}

/** The case with what a breach changes in it, and the last answers of its buyers. */
class Breach {
  readonly case = soundCase();
  readonly books = this.case.books;

  row(buyer: Buyer): BookedOrder {
    return found(this.books.rows.find(({ user_id: userId }) => userId === buyer));
  }

  last(buyer: Buyer, operation: HistoryLine['operation']): HistoryLine {
    return found(this.case.lines.findLast((line) =>
      line.userId === buyer && line.operation === operation && line.answer !== 'unknown'));
  }

  /** One more line, like the last one of its kind but later, and with changes. */
  hear(buyer: Buyer, operation: HistoryLine['operation'], changes: Partial<HistoryLine>): void {
    this.case.lines.push({ ...this.last(buyer, operation), invokedMs: 1_000, answeredMs: 1_001,
      ...changes });
  }

  /** As if the row had never been written, in all books. */
  forget(buyer: Buyer): void {
    const { rid, quantity } = this.row(buyer);
    this.books.rows = this.books.rows.filter((row) => row.rid !== rid);
    this.books.pending -= quantity;
    this.books.database.allocated -= quantity;
    this.books.ledger.allocated -= quantity;
    this.books.redis.ordered -= quantity;
    this.books.redis.available += quantity;
    for (const side of [this.books.quotas, this.books.users]) Reflect.deleteProperty(side, buyer);
    Reflect.deleteProperty(this.books.records, rid);
  }
}

function found<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('The case has no such part');
  return value;
}

const breaches: [RuleName, string, (breach: Breach) => void][] = [
  ['I1', 'the counter says one unit less than the rows', ({ books }) => {
    books.database.allocated -= 1;
  }],
  ['I1', 'more is sold than there is', ({ books }) => { books.database.total = 3; }],
  ['I2', 'a unit of Redis is nowhere', ({ books }) => { books.redis.sold -= 1; }],
  ['I2', 'Redis has less than nothing', ({ books }) => {
    books.redis.available = -1;
    books.redis.ordered += 1;
  }],
  ['I3', 'Redis offers a unit that an order holds', ({ books }) => { books.redis.available += 1; }],
  ['I4', 'a unit stays with an order that has ended', ({ books }) => {
    books.redis.ordered += 1;
    books.redis.total += 1;
  }],
  ['I5', 'one id has two rows', (breach) => {
    breach.books.rows.push({ ...breach.row('ann'), status: 'cancelled' });
  }],
  ['I5', 'the row is for more than was asked for', (breach) => { breach.row('ann').quantity = 2; }],
  ['I6', 'one buyer holds more than the limit', (breach) => {
    breach.books.rows.push({ ...breach.row('bob'), rid: 'another' });
  }],
  ['I7', 'the same key gets another id', (breach) => {
    breach.hear('ann', 'buy', { rid: 'another' });
  }],
  ['I8', 'what was acknowledged has been rejected', (breach) => {
    breach.forget('dan');
    breach.books.rows.push({ rid: 'rid-of-dan', user_id: 'dan', quantity: 1, status: 'rejected',
      reason: 'SOLD_OUT', epoch: 1 });
  }],
  ['I9', 'a unit is released, its order waits for money', ({ books }) => {
    books.records['rid-of-bob'] = 'E';
  }],
  ['I10', 'a unit is released, its order is paid', ({ books }) => {
    books.records['rid-of-ann'] = 'C';
  }],
  ['I11', 'Redis counts from an older number', ({ books }) => { books.redis.seq = 1; }],
  ['I12', 'Redis sells in an older generation', ({ books }) => { books.redis.epoch = 0; }],
  ['I12', 'a row is from a generation to come', (breach) => { breach.row('ann').epoch = 2; }],
  ['I13', 'a reservation still waits', ({ books }) => { books.records['rid-of-nobody'] = 'R'; }],
  ['I13', 'the sale was never opened again', ({ books }) => { books.redis.state = 'loading'; }],
  ['I14', 'a movement is not in the ledger', ({ books }) => { books.ledger.allocated -= 1; }],
  ['I15', 'an order is shown to somebody else', (breach) => {
    breach.hear('ann', 'read', { userId: 'bob' });
  }],
  ['one decision per key', 'a buyer is told yes, then no', (breach) => {
    breach.hear('ann', 'buy', { answer: 'refused', code: 'SOLD_OUT', rid: undefined });
  }],
  ['one decision per key', 'a buyer is told no and has an order', (breach) => {
    breach.books.rows.push({ ...breach.row('dan'), rid: 'another', user_id: 'eva' });
  }],
  ['one decision per key', 'one key has become two orders', (breach) => {
    breach.books.rows.push({ ...breach.row('ann'), rid: 'another' });
  }],
  ['acknowledged is decided', 'what was acknowledged is nowhere', (breach) => {
    breach.forget('dan');
  }],
  ['acknowledged is decided', 'money was taken and is not known', ({ books }) => {
    books.takenPayments = [];
  }],
  ['no status goes back', 'a reader sees an order paid, then unpaid', (breach) => {
    breach.hear('ann', 'read', { orderStatus: 'pending_payment' });
  }],
  ['no status goes back', 'a reader has seen it cancelled, and it is paid', (breach) => {
    breach.row('cyd').status = 'paid';
  }],
  ['conservation', 'a unit is neither offered nor held', ({ books }) => {
    books.database.total += 1;
  }],
  ['conservation', 'a buyer may not buy what he does not hold', ({ books }) => {
    books.users['cyd'] = 1;
  }],
];

describe('the checker of histories', () => {
  it.each(breaches)('%s: finds that %s, with little evidence', (rule, _what, commit) => {
    const breach = new Breach();
    commit(breach);
    const { violations } = checkHistory(breach.case.lines, breach.books);
    const broken = violations.filter((violation) => violation.rule === rule);
    expect(broken).not.toEqual([]);
    for (const { evidence } of broken) expect([1, 2, 3]).toContain(evidence.length);
    expect(describeViolations(violations)).toContain(`${rule} is broken, ${broken.length} times`);
  });

  it.each(breachesOfSegments)('%s: finds in a sale in segments that %s', (rule, _what, commit) => {
    const sale = segmentedCase();
    expect(describeViolations(checkHistory(sale.lines, sale.books).violations)).toBe('');
    commit(sale);
    const { violations } = checkHistory(sale.lines, sale.books);
    expect(violations.map((violation) => violation.rule)).toContain(rule);
  });

  it('is tried with a breach of every rule', () => {
    expect(new Set([...breaches, ...breachesOfSegments].map(([rule]) => rule)))
      .toEqual(new Set(ruleNames));
  });

  it('asks nothing about segments of a sale that has none', () => {
    const breach = new Breach();
    breach.hear('ann', 'buy', { userId: 'fay', client: 'fay', key: 'key-fay', answer: 'refused',
      code: 'SOLD_OUT', rid: undefined, invokedMs: -2, answeredMs: -1 });
    expect(checkHistory(breach.case.lines, breach.books).violations).toEqual([]);
  });

  it('counts what was lost where that is allowed, and relaxes nothing else', () => {
    const breach = new Breach();
    breach.forget('dan');
    expect(checkHistory(breach.case.lines, breach.books, { mayLose: true }))
      .toEqual({ violations: [], lost: ['rid-of-dan'], acknowledged: 4 });
    breach.books.redis.available += 1;
    const { violations } = checkHistory(breach.case.lines, breach.books, { mayLose: true });
    expect(violations.map(({ rule }) => rule)).toEqual(['I2', 'I3', 'I4', 'conservation']);
  });

  it.each([
    ['its buyer gave up', { status: 'cancelled', reason: 'CANCELLED_BY_BUYER' }],
    ['a worker still had in hand', { status: 'rejected', reason: 'EPOCH_PASSED' }],
  ] as const)('knows the tombstone of what Redis lost and %s, where it may lose', (_how, end) => {
    const breach = new Breach();
    const row = { ...breach.row('dan'), ...end };
    breach.forget('dan');
    breach.books.rows.push(row);
    // Nobody has seen an order of it.
    const lines = breach.case.lines.filter(({ userId, operation }) =>
      userId !== 'dan' || operation === 'buy');
    expect(checkHistory(lines, breach.books, { mayLose: true }).violations).toEqual([]);
    expect(checkHistory(lines, breach.books).violations)
      .toContainEqual({ rule: 'I13', evidence: [row, { record: 'none' }] });
  });

  it('asks nothing about Redis of a sale that has no side there, and everything else', () => {
    const breach = new Breach();
    Object.assign(breach.books, { hasRedisSide: false, records: {}, users: {} });
    breach.books.redis = { state: 'absent', total: NaN, available: NaN, reserved: NaN, ordered: NaN,
      sold: NaN, epoch: NaN, seq: NaN };
    expect(checkHistory(breach.case.lines, breach.books).violations).toEqual([]);
    breach.books.quotas['cyd'] = 1;
    breach.row('ann').quantity += 1;
    const { violations } = checkHistory(breach.case.lines, breach.books);
    expect(violations.map(({ rule }) => rule)).toContain('conservation');
  });

  it('does not take an answer that nobody heard for a decision', () => {
    const breach = new Breach();
    breach.case.lines.unshift({ ...breach.last('ann', 'buy'), invokedMs: -2, answeredMs: -1,
      answer: 'refused', code: 'SOLD_OUT', rid: undefined });
    breach.hear('ann', 'buy', { answer: 'unknown', status: 503, rid: undefined });
    expect(checkHistory(breach.case.lines, breach.books).violations).toEqual([]);
  });

  it('finds nothing wrong with any sound history', () => {
    fc.assert(fc.property(fc.integer(), fc.nat(12), fc.integer({ min: 1, max: 9 }),
      (seed, buyers, total) => {
        const sale = new SoundSale(new Random(seed), total);
        for (let buyer = 0; buyer < buyers; buyer += 1) sale.visit(`buyer-${buyer}`);
        const { lines, books } = sale.finish();
        expect(describeViolations(checkHistory(lines, books).violations)).toBe('');
      }), { numRuns: 300 });
  });

  it('describes a violation by the lines and rows that contradict', () => {
    const breach = new Breach();
    breach.row('cyd').status = 'paid';
    const shown = describeViolations(checkHistory(breach.case.lines, breach.books).violations);
    expect(shown).toMatch(/no status goes back is broken, 1 times:\n.*"cancelled"[^]*"paid"/);
  });
});

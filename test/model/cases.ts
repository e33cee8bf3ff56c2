import { buyers, world, type World } from './world';

/** A world that is searched to its end, and how many states it has at least. */
export interface Case {
  name: string;
  world: World;
  statesAtLeast: number;
}

function small(name: string, statesAtLeast: number, given: Partial<World>): Case {
  return { name, statesAtLeast, world: world(given) };
}

const oneBuyerTwice = buyers(2).map((attempt) => ({ ...attempt, buyer: 'buyer' }));
/** The lender has one unit, the borrower none; a buyer of each. */
const segments = { totals: [1, 0], loan: 1, attempts: [...buyers(1), ...buyers(1, 1, 1)] };
const oneEach = [...buyers(1), ...buyers(1, 1, 1)];

/** One unit and two buyers where nothing else is said. Small enough for every run of the tests. */
export const smallCases: readonly Case[] = [
  small('payment, cancelling and the deadline race', 80, { habits: ['pay', 'cancel', 'overdue'] }),
  small('three buyers, two units, every ending', 2_000,
    { totals: [2], attempts: buyers(3), habits: ['pay', 'cancel', 'overdue', 'refund'] }),
  small('two units each, Redis falls back, a job is lost', 2_000, { totals: [3],
    attempts: buyers(2, 2), habits: ['pay', 'cancel'], faults: { rollback: 1, lostJob: 1 } }),
  small('one unit and two, of three', 300,
    { totals: [3], attempts: [...buyers(1), ...buyers(1, 2)], faults: { rollback: 1 } }),
  small('two sales on one Redis that falls back', 10_000,
    { totals: [1, 1], attempts: oneEach, faults: { rollback: 1 } }),
  small('Redis falls back twice', 3_000, { faults: { rollback: 2 } }),
  small('Redis falls back, S11 crashes, a job is lost', 5_000,
    { faults: { rollback: 1, lostJob: 1, crash: 1 }, habits: ['cancel'] }),
  small('S11 of a healthy sale, twice at a time', 4_000,
    { faults: { doubt: 1, lostLock: 1, crash: 1, lostJob: 1 } }),
  small('the database is the gate for a while, and Redis falls back', 5_000,
    { faults: { outage: 1, rollback: 1 } }),
  small('the database is the gate twice, a job is lost', 1_000,
    { faults: { outage: 2, lostJob: 1 } }),
  small('the database is the gate of two units for three buyers', 2_000,
    { totals: [2], attempts: buyers(3), faults: { outage: 1 } }),
  small('the way back crashes while orders end', 8_000,
    { faults: { outage: 1, crash: 1 }, habits: ['pay', 'cancel', 'overdue'] }),
  small('one buyer presses on both sides', 4_000, { totals: [2], limitPerBuyer: 1,
    attempts: oneBuyerTwice, faults: { outage: 1, rollback: 1 } }),
  small('more stock while S11 runs and crashes', 4_000,
    { delta: 1, faults: { doubt: 1, crash: 1 } }),
  small('less stock while S11 runs and crashes', 4_000,
    { delta: -1, totals: [2], faults: { doubt: 1, crash: 1 } }),
  small('less stock while the database is the gate', 4_000,
    { delta: -1, totals: [2], faults: { outage: 1 } }),
  small('more stock while Redis falls back', 5_000, { delta: 1, faults: { rollback: 1 } }),
  small('a loan between segments while S11 runs and crashes', 3_000,
    { ...segments, faults: { doubt: 1, crash: 1, lostJob: 1 } }),
  small('a loan between segments while Redis falls back', 10_000,
    { ...segments, faults: { rollback: 1 } }),
  small('a loan while the database is the gate of a segment', 1_000,
    { ...segments, faults: { outage: 1 } }),
  small('a loan, and who asks whether all is sold', 1_000,
    { totals: [1, 1], loan: 1, attempts: [...buyers(1), ...buyers(2, 1, 1)], habits: ['ask'] }),
  small('freezing and thawing for two buyers', 2_000, { habits: ['freeze', 'cancel'] }),
  small('a thaw while Redis falls back and S11 crashes', 5_000,
    { attempts: buyers(1), habits: ['freeze'], faults: { rollback: 1, crash: 1 } }),
  small('a thaw while the database is the gate', 1_500,
    { attempts: buyers(1), habits: ['freeze'], faults: { outage: 1 } }),
];

/** More of everything, for MODEL_SCALE=full. */
export const largeCases: readonly Case[] = [
  small('two falls back with every ending', 20_000,
    { faults: { rollback: 2 }, habits: ['pay', 'cancel', 'overdue'] }),
  small('three buyers, two units, two falls back', 20_000,
    { totals: [2], attempts: buyers(3), faults: { rollback: 2 } }),
  small('two sales, a fall back and a lost job', 50_000,
    { totals: [1, 1], attempts: oneEach, faults: { rollback: 1, lostJob: 1 } }),
  small('two sales, one leaves Redis, which falls back', 50_000,
    { totals: [1, 1], attempts: oneEach, faults: { rollback: 1, outage: 1 } }),
  small('three runs of S11 at a time', 90_000,
    { faults: { rollback: 1, lostLock: 2, lostJob: 1 } }),
  small('three runs of S11 around an outage', 100_000,
    { faults: { doubt: 1, outage: 1, lostLock: 2 } }),
  small('an outage with every fault once', 100_000,
    { habits: ['cancel'], faults: { outage: 1, rollback: 1, lostJob: 1, crash: 1 } }),
  small('two outages and a fall back', 20_000, { faults: { outage: 2, rollback: 1 } }),
  small('more stock in an outage after which Redis falls back', 20_000,
    { delta: 1, faults: { outage: 1, rollback: 1 } }),
  small('less stock in an outage after which Redis falls back', 20_000,
    { delta: -1, totals: [2], faults: { outage: 1, rollback: 1 } }),
  small('a loan while Redis falls back twice', 50_000, { ...segments, faults: { rollback: 2 } }),
  small('a loan in an outage after which Redis falls back', 50_000,
    { ...segments, faults: { outage: 1, rollback: 1 } }),
  small('a loan of one of two units, and orders that end', 50_000,
    { totals: [2, 1], loan: 1, attempts: [...buyers(1), ...buyers(2, 1, 1)],
      habits: ['pay', 'cancel'], faults: { outage: 1 } }),
  small('thaws of two buyers in an outage', 50_000, { habits: ['freeze'], faults: { outage: 1 } }),
  small('thaws of two buyers while Redis falls back', 50_000,
    { habits: ['freeze'], faults: { rollback: 1 } }),
];

import { sourcesOf } from '../../src/order/order-status';
import { counterOf, isCurrent, unitsInRedis } from './scripts';
import { at, holdsUnits, isLive, type Meta, type Row, type State } from './state';
import { deltaOf, type World } from './world';

/** Those of docs/protocol.md that a model can tell; I4 and I8 count once nothing is under way. */
export const invariantNames = ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I8', 'I9', 'I10', 'I11', 'I12',
  'I14', 'sold out when nothing is left'] as const;
export type InvariantName = (typeof invariantNames)[number];

/** Whether it holds in this state. */
const ofStates: Partial<Record<InvariantName, (world: World, state: State) => boolean>> = {
  I1: ({ attempts }, { stocks, rows }) => stocks.every(({ allocated, total }, sale) =>
    allocated >= 0 && allocated <= total && allocated === sumOf(attempts, sale, (rid) => {
      const row = rows[rid];
      return row && holdsUnits(row.status) ? 1 : 0;
    })),
  I2: (world, state) => state.redis.metas.every((meta, sale) => {
    const { redis } = state;
    const counted = (name: string) => sumOf(world.attempts, sale, (rid) => {
      const hold = redis.holds[rid];
      return hold && counterOf(hold.status) === name ? 1 : 0;
    });
    // What an overtaken run of S11 loads under its epoch, nobody sells.
    if (isCurrent(state, sale) && meta.available < 0) return false;
    return isBalanced(meta) && meta.reserved === counted('reserved')
      && meta.ordered === counted('ordered') && meta.sold === counted('sold');
  }),
  I3: (world, state) => state.stocks.every(({ total, allocated }, sale) => {
    if (!isSelling(world, state, sale)) return true;
    return at(state.redis.metas, sale).available
      <= total - allocated - heldWithoutRow(world, state, sale);
  }),
  I6: (world, { redis, rows }) => world.attempts.every(({ sale, buyer }, rid) => {
    const inRows = world.attempts.reduce((sum, attempt, other) => {
      const row = rows[other];
      const counts = attempt.sale === sale && attempt.buyer === buyer
        && row && holdsUnits(row.status);
      return counts ? sum + attempt.quantity : sum;
    }, 0);
    return inRows <= world.limitPerBuyer && unitsInRedis(world, redis, rid) <= world.limitPerBuyer;
  }),
  I9: (world, state) => world.attempts.every(({ sale }, rid) => {
    const hold = state.redis.holds[rid];
    if (!hold || counterOf(hold.status) || !isCurrent(state, sale)) return true;
    const row = state.rows[rid];
    return row !== undefined && !holdsUnits(row.status);
  }),
  I10: (_, { rows }) => rows.every((row) => row?.status !== 'paid' || !row.isOverdue),
  I11: (_, state) => state.stocks.every(({ seq }, sale) =>
    !isCurrent(state, sale) || at(state.redis.metas, sale).seq >= seq),
  I14: (world, { stocks, rows, adjustments }) => {
    const { attempts, totals, loan } = world;
    const isRight = stocks.every(({ total, allocated }, sale) => {
      const { status } = at(adjustments, sale);
      const isIn = status === 'in_database' || status === 'done';
      return total === at(totals, sale) + (isIn ? deltaOf(world, sale) : 0)
        && allocated === sumOf(attempts, sale, (rid) => rows[rid]?.given ?? 0);
    });
    // Nobody has units that are lent twice.
    return isRight && (loan === undefined || allTotals(stocks) <= plus(totals));
  },
};

function plus(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

function allTotals(stocks: State['stocks']): number {
  return plus(stocks.map(({ total }) => total));
}

/** Whether it holds over this step. */
const ofSteps: Partial<Record<InvariantName,
  (world: World, before: State, after: State) => boolean>> = {
  I5: (_, before, after) => before.rows === after.rows
    || before.rows.every((row, rid) => !row || isLegal(row, after.rows[rid])),
  // Where buyers give nothing back meanwhile, it is enough to look when it is said.
  'sold out when nothing is left': ({ totals, attempts }, before, { question, redis, rows }) =>
    question?.isOut !== true || before.question?.isOut === true
      || plus(totals) === attempts.reduce((held, { quantity }, rid) =>
        redis.holds[rid] ?? rows[rid] ? held + quantity : held, 0),
  I12: ({ attempts }, before, after) => before.redis.holds === after.redis.holds
    || before.boot !== after.boot || attempts.every(({ sale }, rid) => {
    const taken = after.redis.holds[rid]?.status === 'reserved'
      && before.redis.holds[rid]?.status !== 'reserved';
    const meta = at(before.redis.metas, sale);
    return !taken || (meta.boot === before.boot && meta.state === 'open');
  }),
};

/** Whether it holds in a state in which nothing will happen by itself any more. */
const ofQuietStates: Partial<Record<InvariantName, (world: World, state: State) => boolean>> = {
  I4: (_, { stocks, redis }) => stocks.every(({ total, allocated }, sale) =>
    at(redis.metas, sale).available === total - allocated),
  // Nor are lent units stranded between two segments.
  I14: ({ loan, totals }, { stocks }) =>
    loan === undefined || allTotals(stocks) === plus(totals),
  I8: (_, { promised, rows }) => rows.every((row, rid) =>
    row ? row.status !== 'pending_payment' || !row.isOverdue : promised[rid] !== true),
};

/** The first of these invariants that does not hold in the state. */
export function brokenIn(world: World, names: readonly InvariantName[],
  state: State): InvariantName | undefined {
  return names.find((name) => ofStates[name]?.(world, state) === false);
}

/** The same for a step. */
export function brokenBetween(world: World, names: readonly InvariantName[], before: State,
  after: State): InvariantName | undefined {
  return names.find((name) => ofSteps[name]?.(world, before, after) === false);
}

/** The same for a state in which nothing is under way. */
export function brokenAtRest(world: World, names: readonly InvariantName[],
  state: State): InvariantName | undefined {
  return names.find((name) => ofQuietStates[name]?.(world, state) === false);
}

function isBalanced({ available, reserved, ordered, sold, total }: Meta): boolean {
  return available + reserved + ordered + sold === total && Math.min(reserved, ordered, sold) >= 0;
}

/** Whether a buyer could get units from Redis now, by the rules of this world. */
function isSelling({ rules }: World, state: State, sale: number): boolean {
  const meta = at(state.redis.metas, sale);
  if (isLive(state, sale)) return meta.state === 'open';
  return !rules.bootFence && meta.state === 'open' && meta.epoch === at(state.stocks, sale).epoch;
}

function heldWithoutRow({ attempts }: World, { redis, rows }: State, sale: number): number {
  return sumOf(attempts, sale, (rid) =>
    redis.holds[rid]?.status === 'reserved' && !rows[rid] ? 1 : 0);
}

/** Units of the attempts of a sale, each as often as `times` says. */
function sumOf(attempts: World['attempts'], sale: number, times: (rid: number) => number): number {
  let sum = 0;
  for (let rid = 0; rid < attempts.length; rid++) {
    const attempt = at(attempts, rid);
    if (attempt.sale === sale) sum += times(rid) * attempt.quantity;
  }
  return sum;
}

function isLegal(before: Row, after: Row | undefined): boolean {
  return after !== undefined && (after.status === before.status
    || sourcesOf(after.status).includes(before.status));
}

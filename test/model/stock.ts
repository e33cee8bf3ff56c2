/** S12, loans between segments, and who asks whether anything is left. */
import { adjust } from './scripts';
import type { Emit } from './moves';
import { at, changed, isLive, type Adjustment, type Question, type State } from './state';
import { moveTotal } from './transactions';
import { deltaOf, type World } from './world';

const lender = 0;
const borrower = 1;

export function stockSteps(world: World, state: State, emit: Emit): void {
  const { loan, rules } = world;
  for (let sale = 0; sale < world.totals.length; sale++) {
    const isDue = sale !== borrower || loan === undefined || !rules.lenderFirst
      || at(state.adjustments, lender).status === 'done';
    if (deltaOf(world, sale) !== 0 && isDue) adjustSteps(world, state, sale, emit);
  }
  if (world.habits.includes('ask')) questionSteps(world, state, emit);
}

/** S12 of a sale, by whoever finishes it. The borrower's part of a loan comes by itself. */
function adjustSteps(world: World, state: State, sale: number, emit: Emit): void {
  const delta = deltaOf(world, sale);
  const adjustment = at(state.adjustments, sale);
  const { status, readEpoch } = adjustment;
  const become = (change: Partial<Adjustment>, on = state): State => ({ ...on,
    adjustments: changed(on.adjustments, sale, { ...at(on.adjustments, sale), ...change }) });
  const isFirst = readEpoch === 0;
  const { epoch } = at(state.stocks, sale);
  const name = (step: string) => sale === 0 ? `S12 ${step}` : `S12 of sale ${sale} ${step}`;
  if ((status === 'pending' || status === 'in_database') && readEpoch !== epoch) {
    emit(name('read the epoch'), become({ readEpoch: epoch }),
      isFirst && sale !== borrower ? undefined : 'own');
  }
  if (isFirst) return;
  const redis = adjust(state, sale, delta, readEpoch);
  const taken = typeof redis === 'string' ? undefined : { ...state, redis };
  const databaseFirst = delta > 0 || !world.rules.redisFirst;
  if (status === 'pending' && databaseFirst) {
    emit(name('change the database'), moveTotal(state, sale, delta, 'in_database'), 'own');
  } else if (status === 'pending') {
    emit(name('take out of Redis'), taken && become({ status: 'in_redis' }, taken), 'own');
    if (redis === 'short') emit(name('is refused'), become({ status: 'refused' }), 'own');
  } else if (status === 'in_redis') {
    const back = become({ status: 'pending' });
    emit(name('change the database'), moveTotal(back, sale, delta, 'done') ?? back, 'own');
    emit(name('crashes between the sides'), back);
  } else if (status === 'in_database') {
    emit(name('change Redis'), taken && become({ status: 'done' }, taken), 'own');
    if (taken && taken.redis !== state.redis) emit(name('changes Redis and crashes'), taken);
  }
}

/**
 * A buyer asks whether the segments have anything left: the loans, each segment for itself, in any order,
 * and the loans again. He gives up, to come back, at the first that does not fit; that is no step.
 */
function questionSteps(world: World, state: State, emit: Emit): void {
  const { question } = state;
  const ask = (next: Question) => ({ ...state, question: next });
  const begun = isBegun(state);
  if (!question) {
    if (!begun || isOver(state) || !world.rules.looksAtLoans) {
      emit('a buyer counts the loans', ask({ begun, seen: world.totals.map(() => false), isOut: false }));
    }
    return;
  }
  if (question.isOut) return;
  question.seen.forEach((isSeen, sale) => {
    const { state: stands, available } = at(state.redis.metas, sale);
    if (isSeen || !isLive(state, sale) || stands !== 'open' || available > 0) return;
    emit(`a buyer finds nothing in sale ${sale}`,
      ask({ ...question, seen: changed(question.seen, sale, true) }));
  });
  const isSame = question.begun === begun || !world.rules.looksAtLoans;
  if (isSame && question.seen.every((isSeen) => isSeen)) {
    emit('a buyer hears that all is sold', ask({ ...question, isOut: true }));
  }
}

/** Somebody has written the loan down, who then reads the epoch of its first side. */
function isBegun({ adjustments }: State): boolean {
  return at(adjustments, lender).readEpoch > 0;
}

function isOver({ adjustments }: State): boolean {
  return at(adjustments, lender).status === 'refused' || at(adjustments, borrower).status === 'done';
}

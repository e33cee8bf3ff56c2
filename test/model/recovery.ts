/** S11, as src/reconciliation/recovery.ts and src/stock/stock-loader.ts go about it. */
import { letterOf, withJob, withRedis, type Emit } from './moves';
import { beginLoad, close, isDoubtful, loadRows, open } from './scripts';
import { at, changed, type Runner, type State } from './state';
import { insertTombstone, raiseEpoch } from './transactions';
import type { World } from './world';

/** The start of a run about one sale, and the next step of each that is under way. */
export function recoverySteps(world: World, state: State, sale: number, emit: Emit): void {
  const isRunning = state.runners.some((runner) => runner.sale === sale);
  const begun = begin(state, sale);
  if (isRunning) {
    emitFault(state, 'lostLock', `S11 another runner of sale ${sale} begins`, begun, emit);
  } else if (isDoubtful(state, sale)) emit(`S11 of sale ${sale} begins`, begun, 'own');
  else emitFault(state, 'doubt', `S11 of sale ${sale} is ordered`, begun, emit);
  state.runners.forEach((runner, index) => {
    if (runner.sale !== sale) return;
    runnerSteps(world, state, runner, (step, next, change) => {
      emit(`S11 runner ${index}: ${step}`,
        next && withRunner(next, index, change && { ...runner, ...change }), 'own');
    });
    emitFault(state, 'crash', `S11 runner ${index} crashes when ${runner.phase}`,
      withRunner(state, index, undefined), emit);
  });
}

function emitFault(state: State, fault: keyof State['faults'], step: string, next: State,
  emit: Emit): void {
  const left = state.faults[fault];
  if (left > 0) emit(step, { ...next, faults: { ...state.faults, [fault]: left - 1 } });
}

function begin(state: State, sale: number): State {
  const id = state.runsBegun + 1;
  const runner: Runner = { phase: 'begun', id, sale, boot: state.boot,
    epoch: at(state.stocks, sale).epoch, undecided: [], total: 0, seq: 0, isAdjusted: false,
    rows: [] };
  return { ...state, runners: [...state.runners, runner], runsBegun: id };
}

function withRunner(state: State, index: number, runner: Runner | undefined): State {
  return { ...state, runners: runner ? changed(state.runners, index, runner)
    : state.runners.filter((_, other) => other !== index) };
}

/** `change`: what the runner remembers then; undefined when it ends. */
type EmitRunner = (step: string, next: State | undefined, change?: Partial<Runner>) => void;

function runnerSteps(world: World, state: State, runner: Runner, emit: EmitRunner): void {
  const { sale, epoch } = runner;
  const { redis } = state;
  switch (runner.phase) {
    case 'begun':
      emit('close', world.rules.closesFirst ? withRedis(state, close(redis, runner)) : state,
        { phase: 'closed' });
      return;
    case 'closed': return scan(world, state, runner, emit);
    case 'draining': {
      // After ten seconds it goes on with whatever is undecided.
      const undecided = runner.undecided.filter((rid) => !state.rows[rid]);
      const raised = raiseEpoch(world, state, sale, epoch);
      if (!raised) emit('is overtaken', state);
      else emit('raise the epoch', raised, { phase: 'raised', undecided,
        epoch: at(raised.stocks, sale).epoch });
      return;
    }
    case 'raised': return decide(world, state, runner, emit);
    case 'counted': return load('begin to load', beginLoad(world, redis, runner),
      { phase: 'loading' });
    case 'loading': {
      const rows = state.rows.map((row, rid) =>
        at(world.attempts, rid).sale === sale ? row : undefined);
      emit('read the rows', state, { phase: 'read', rows });
      return;
    }
    case 'read': return load('load the rows', loadRows(world, redis, runner),
      { phase: 'loaded', rows: [] });
    case 'loaded': return load('open', open(redis, runner));
  }

  /** The scripts of a load run on the server that the runner began with, or not at all. */
  function load(step: string, next: State['redis'] | undefined, change?: Partial<Runner>): void {
    if (!next || state.boot !== runner.boot) emit('is overtaken', state);
    else emit(step, { ...state, redis: next }, change);
  }
}

/** What is held and has no row goes to the order writer; it is awaited for some time. */
function scan(world: World, state: State, { sale }: Runner, emit: EmitRunner): void {
  let next = state;
  const undecided: number[] = [];
  world.attempts.forEach((attempt, rid) => {
    const hold = state.redis.holds[rid];
    if (attempt.sale !== sale || hold?.status !== 'reserved' || state.rows[rid]) return;
    undecided.push(rid);
    next = withJob(next, rid, hold);
  });
  if (world.rules.drains) emit('drain', next, { phase: 'draining', undecided });
  else emit('does not drain', state, { phase: 'draining' });
}

function decide(world: World, state: State, { sale, epoch, undecided }: Runner,
  emit: EmitRunner): void {
  const open = undecided.filter((rid) => !state.rows[rid]);
  if (open.length > 0 && world.rules.tombstones) {
    for (const rid of open) {
      emit(`tombstone ${letterOf(rid)}`, insertTombstone(state, rid, 'rejected'), {});
    }
    return;
  }
  const { total, seq, epoch: present } = at(state.stocks, sale);
  if (present !== epoch) {
    emit('is overtaken', state);
    return;
  }
  const { status } = at(state.adjustments, sale);
  emit('read the stock', state, { phase: 'counted', undecided: [], total, seq,
    isAdjusted: status === 'in_database' || status === 'done' });
}

/** Everything that may happen next, by buyers, operators, workers and clocks. */
import { faultSteps } from './faults';
import { letterOf, withJob, withRedis, type Emit } from './moves';
import { recoverySteps } from './recovery';
import { stockSteps } from './stock';
import { cancelFrozen, commitThaw, endOrder, insertOrder, insertTombstone, pay }
  from './transactions';
import { confirm, counterOf, release, requeue, reserve, retake, settle } from './scripts';
import { at, changed, type Job, type State, type Thaw } from './state';
import type { World } from './world';

/** Every one makes a state of its own, as its hold has another number. */
const thawsAtMost = 2;

/** Every step from this state, in an order that is always the same. */
export function nextSteps(world: World, state: State, emit: Emit): void {
  for (let rid = 0; rid < world.attempts.length; rid++) {
    buyerSteps(world, state, rid, emit);
    if (!state.rows[rid] || !world.rules.primaryKey) workSteps(world, state, rid, emit);
    if (state.rows[rid]) followupSteps(world, state, rid, emit);
    if (world.habits.includes('freeze')) freezeSteps(world, state, rid, emit);
  }
  for (let sale = 0; sale < world.totals.length; sale++) recoverySteps(world, state, sale, emit);
  stockSteps(world, state, emit);
  faultSteps(world, state, emit);
}

function promise(state: State | undefined, rid: number): State | undefined {
  if (!state || state.promised[rid] === true) return state;
  return { ...state, promised: changed(state.promised, rid, true) };
}

function buyerSteps(world: World, state: State, rid: number, emit: Emit): void {
  const { habits, attempts } = world;
  const letter = letterOf(rid);
  const row = state.rows[rid];
  const { gate, epoch } = at(state.stocks, at(attempts, rid).sale);
  emit(`S2 reserve ${letter}`, promise(withRedis(state, reserve(world, state, rid)), rid));
  if (gate === 'database') {
    emit(`buy ${letter} in the database`,
      promise(insertOrder(world, state, rid, epoch, 0), rid));
  }
  if (habits.includes('cancel')) {
    if (row) emit(`S7 cancel ${letter}`, endOrder(world, state, rid, 'cancelled'));
    else if (state.redis.holds[rid]?.status === 'reserved') {
      emit(`cancel ${letter} before its row`, insertTombstone(state, rid, 'cancelled'));
    }
  }
  if (!row) return;
  if (habits.includes('pay')) emit(`S7 pay ${letter}`, pay(world, state, rid));
  if (habits.includes('refund') && row.status === 'paid') {
    emit(`S7 refund ${letter}`, endOrder(world, state, rid, 'refunded'));
  }
  if (habits.includes('overdue') && row.status === 'pending_payment' && !row.isOverdue) {
    emit(`time to pay ${letter} is over`,
      { ...state, rows: changed(state.rows, rid, { ...row, isOverdue: true }) });
  }
}

/** S4, S5 and S9 of what has no row yet. With a row, all of them change nothing. */
function workSteps(world: World, state: State, rid: number, emit: Emit): void {
  const letter = letterOf(rid);
  const jobs = at(state.jobs, rid);
  const { gate, epoch: present } = at(state.stocks, at(world.attempts, rid).sale);
  for (const entry of at(state.redis.outbox, rid)) {
    const outbox = at(state.redis.outbox, rid).filter((other) => other !== entry);
    const redis = { ...state.redis, outbox: changed(state.redis.outbox, rid, outbox) };
    emit(`S4 relay ${letter}@${entry.epoch}`, withJob({ ...state, redis }, rid, entry), 'own');
  }
  jobs.forEach((job, index) => {
    const become = (change: Partial<Job>) => ({ ...state,
      jobs: changed(state.jobs, rid, changed(jobs, index, { ...job, ...change })) });
    const name = `${letter}@${job.epoch}`;
    // Delivered once more, or in a batch that is not refused.
    emit(`S5 write ${name}`, insertOrder(world, state, rid, job.epoch, job.seq), 'own');
    if (job.phase === 'again') {
      const alone = insertOrder(world, state, rid, job.under, job.seq);
      emit(`S5 write ${name} alone under ${job.under}`, alone, 'own');
      if (!alone) {
        emit(`S5 ${name} is refused under ${job.under}`, become({ phase: 'doomed' }), 'own');
      }
    } else {
      const late = !world.rules.gateCheck || gate === 'database';
      const under = late ? Math.max(job.epoch, present) : job.epoch;
      emit(`S5 the batch of ${name} is refused`, become({ phase: 'again', under }), 'own');
    }
    if (job.phase === 'doomed' && world.rules.tombstones) {
      emit(`S5 reject ${name}`, insertTombstone(state, rid, 'rejected'), 'own');
    }
  });
  if (jobs.length === 0 && world.rules.sweep) {
    emit(`S9 enqueue ${letter} again`, withRedis(state, requeue(state.redis, rid)), 'own');
  }
  const hold = state.redis.holds[rid];
  if (!world.rules.outbox && hold?.status === 'reserved') {
    emit(`enqueue ${letter} after the script`, withJob(state, rid, hold));
  }
}

/** S6, S8 and S10: what the database has decided reaches Redis, once or more, at any time. */
function followupSteps(world: World, state: State, rid: number, emit: Emit): void {
  const row = at(state.rows, rid);
  const letter = letterOf(rid);
  const { redis } = state;
  if (!row) return;
  if (world.rules.expiry) {
    emit(`S10 expire ${letter}`, endOrder(world, state, rid, 'expired'), 'own');
  }
  const { status, hold } = row;
  if (row.status !== 'rejected') {
    emit(`S6 confirm ${letter}`, withRedis(state, confirm(world, redis, rid)), 'own');
  }
  if (status === 'paid' || status === 'refunded') {
    emit(`S8 settle ${letter}`, withRedis(state, settle(world, redis, rid)), 'own');
  }
  if (status !== 'paid' && status !== 'pending_payment') {
    emit(`S8 release ${letter} ${status}`,
      withRedis(state, release(world, redis, rid, status, hold)), 'own');
  }
}

/** S13. A thaw is one process that may stop anywhere; S9 overtakes it. */
function freezeSteps(world: World, state: State, rid: number, emit: Emit): void {
  const row = state.rows[rid];
  if (!row) return;
  const letter = letterOf(rid);
  const record = state.redis.holds[rid];
  const thaw = state.thaws[rid];
  const become = (next: Thaw | undefined, on = state): State =>
    ({ ...on, thaws: changed(on.thaws, rid, next) });
  emit(`S13 freeze ${letter}`, endOrder(world, state, rid, 'frozen'));
  if (row.status === 'frozen') {
    if (!thaw && row.hold <= thawsAtMost) {
      emit(`S13 thaw ${letter}: read`, become({ hold: row.hold, epoch: 0 }));
    }
    emit(`S13 cancel ${letter} while frozen`, cancelFrozen(state, rid));
    if (record && record.hold > row.hold && counterOf(record.status)) {
      emit(`S9 overtake the thaw of ${letter}`,
        { ...state, rows: changed(state.rows, rid, { ...row, hold: record.hold }) }, 'own');
    }
  }
  // Whoever read the row as frozen before it was thawed.
  if (row.hold > 1) {
    emit(`S8 late release of ${letter} frozen ${row.hold - 1}`,
      withRedis(state, release(world, state.redis, rid, 'frozen', row.hold - 1)));
  }
  if (!thaw) return;
  emit(`S13 thaw ${letter}: gives up`, become(undefined));
  const { sale } = at(world.attempts, rid);
  if (thaw.epoch > 0) {
    const committed = commitThaw(world, state, rid, thaw.hold, thaw.epoch);
    emit(`S13 thaw ${letter}: commit`, become(undefined, committed));
  } else if (at(state.stocks, sale).gate === 'database') {
    const { epoch } = at(state.stocks, sale);
    emit(`S13 thaw ${letter}: the database is the gate`, become({ ...thaw, epoch }));
  } else {
    const { epoch } = at(state.redis.metas, sale);
    const taken = withRedis(state, retake(world, state, rid, thaw.hold));
    emit(`S13 thaw ${letter}: retake`, taken && become({ ...thaw, epoch }, taken));
  }
}

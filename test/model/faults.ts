/** What the world does to the protocol: each as often as the world allows. */
import { letterOf, type Emit } from './moves';
import { at, changed, emptyRedis, type Fault, type RedisData, type State } from './state';
import { release } from './scripts';
import { leaveRedis } from './transactions';
import type { World } from './world';

export function faultSteps(world: World, state: State, emit: Emit): void {
  rollbacks(world, state, emit);
  if (state.faults.lostJob > 0) {
    state.jobs.forEach((jobs, rid) => {
      if (jobs.length > 0 && !state.rows[rid]) {
        emit(`the job of ${letterOf(rid)} is lost`,
          spent({ ...state, jobs: changed(state.jobs, rid, []) }, 'lostJob'));
      }
    });
  }
  if (state.faults.outage > 0) {
    world.totals.forEach((_, sale) => {
      const left = leaveRedis(state, sale);
      emit(`the database becomes the gate of sale ${sale}`, left && spent(left, 'outage'));
    });
  }
  badHabits(world, state, emit);
}

function spent(state: State, fault: Fault): State {
  return { ...state, faults: { ...state.faults, [fault]: state.faults[fault] - 1 } };
}

/** Redis comes back as it was at any earlier moment, or empty, and always as another server. */
function rollbacks(world: World, state: State, emit: Emit): void {
  const { saved, redis, faults } = state;
  if (faults.rollback === 0) return;
  if (saved.length < faults.rollback && !saved.includes(redis)) {
    emit('Redis saves', { ...state, saved: [...saved, redis] });
  }
  [...saved, emptyRedis(world)].forEach((data, index) => {
    const back = spent({ ...state, redis: data, boot: state.boot + 1,
      // What Redis has lost, it had promised in vain.
      promised: state.promised.map((is, rid) =>
        is && (state.rows[rid] !== undefined || data.holds[rid] !== undefined)) }, 'rollback');
    const name = index < saved.length ? `what it saved (${index + 1})` : 'nothing';
    emit(`Redis comes back with ${name}`, back.faults.rollback > 0 ? back : { ...back, saved: [] });
  });
}

function badHabits(world: World, state: State, emit: Emit): void {
  for (const habit of world.badHabits) {
    switch (habit) {
      case 'redis := database': setFromDatabase(state, emit); break;
      case 'lease frees units': freeLeases(world, state, emit); break;
      case 'worker rolls back blindly': giveBack(world, state, emit); break;
      case 'reopens without loading': reopen(state, emit); break;
    }
  }
}

function withMeta(state: State, sale: number, change: Partial<RedisData['metas'][number]>): State {
  return { ...state, redis: { ...state.redis,
    metas: changed(state.redis.metas, sale, { ...at(state.redis.metas, sale), ...change }) } };
}

function setFromDatabase(state: State, emit: Emit): void {
  state.stocks.forEach(({ total, allocated }, sale) => {
    emit('available is set from the database',
      withMeta(state, sale, { available: total - allocated }));
  });
}

function freeLeases(world: World, state: State, emit: Emit): void {
  state.redis.holds.forEach((hold, rid) => {
    if (hold?.status !== 'reserved') return;
    const redis = release(world, state.redis, rid, 'cancelled', 1);
    emit(`the lease of ${letterOf(rid)} frees its units`, redis && { ...state, redis });
  });
}

function giveBack(world: World, state: State, emit: Emit): void {
  state.jobs.forEach((jobs, rid) => {
    if (!jobs.some(({ phase }) => phase !== 'ready')) return;
    const { sale, quantity } = at(world.attempts, rid);
    const { available } = at(state.redis.metas, sale);
    emit(`the worker adds the units of ${letterOf(rid)} to what is available`,
      withMeta(state, sale, { available: available + quantity }));
  });
}

function reopen(state: State, emit: Emit): void {
  state.stocks.forEach((stock, sale) => {
    if (stock.gate !== 'database') return;
    emit('Redis sells again as it was', withMeta({ ...state,
      stocks: changed(state.stocks, sale, { ...stock, gate: 'redis' }) }, sale,
    { epoch: stock.epoch, boot: state.boot, state: 'open' }));
  });
}

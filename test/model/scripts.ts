/** The Lua scripts of src/stock/lua as functions. Undefined: the script changes nothing. */
import type { OrderStatus } from '../../src/stock/record';
import { at, changed, isLive, type Counters, type Hold, type Meta, type RedisData, type Runner,
  type State, type Stock } from './state';
import type { World } from './world';

type Change = RedisData | undefined;

/** Which counter a record's units are in; the letters of the others hold none. */
export function counterOf(status: OrderStatus): keyof Counters | undefined {
  switch (status) {
    case 'reserved': return 'reserved';
    case 'pending_payment': return 'ordered';
    case 'paid': return 'sold';
    default: return undefined;
  }
}

/** Units that a buyer has in Redis. */
export function unitsInRedis({ attempts }: World, { holds }: RedisData, rid: number): number {
  const { sale, buyer } = at(attempts, rid);
  return attempts.reduce((sum, attempt, other) => {
    const hold = holds[other];
    const counts = attempt.sale === sale && attempt.buyer === buyer
      && hold && counterOf(hold.status);
    return counts ? sum + attempt.quantity : sum;
  }, 0);
}

function isFenced(world: World, state: State, meta: Meta): boolean {
  if (world.rules.bootFence && meta.boot !== state.boot) return true;
  return world.rules.stateFence ? meta.state !== 'open' : meta.state === 'absent';
}

function write(data: RedisData, sale: number, meta: Meta, rid: number, hold: Hold): RedisData {
  return { ...data, metas: changed(data.metas, sale, meta), holds: changed(data.holds, rid, hold) };
}

/** Moves units between two counters. */
function moved(meta: Meta, from: keyof Counters, to: keyof Counters, units: number): Meta {
  return { ...meta, [from]: meta[from] - units, [to]: meta[to] + units };
}

/** reserve, asked under the epoch that it finds: a process may know any that ever was. */
export function reserve(world: World, state: State, rid: number): Change {
  const { redis } = state;
  const { sale, quantity } = at(world.attempts, rid);
  const meta = at(redis.metas, sale);
  if (isFenced(world, state, meta) || meta.available < quantity) return undefined;
  if (redis.holds[rid] && world.rules.replay) return undefined;
  if (unitsInRedis(world, redis, rid) + quantity > world.limitPerBuyer) return undefined;
  const entry = { epoch: meta.epoch, seq: meta.seq + 1 };
  const data = write(redis, sale, { ...moved(meta, 'available', 'reserved', quantity),
    seq: entry.seq }, rid, { ...entry, status: 'reserved', hold: 1 });
  if (!world.rules.outbox) return data;
  return { ...data, outbox: changed(data.outbox, rid, [...at(data.outbox, rid), entry]) };
}

/** confirm */
export function confirm(world: World, data: RedisData, rid: number): Change {
  const hold = data.holds[rid];
  if (hold?.status !== 'reserved') return undefined;
  const { sale, quantity } = at(world.attempts, rid);
  return write(data, sale, moved(at(data.metas, sale), 'reserved', 'ordered', quantity), rid,
    { ...hold, status: 'pending_payment' });
}

/** settle */
export function settle(world: World, data: RedisData, rid: number): Change {
  const hold = data.holds[rid];
  if (hold?.status !== 'reserved' && hold?.status !== 'pending_payment') return undefined;
  const { sale, quantity } = at(world.attempts, rid);
  const from = hold.status === 'reserved' ? 'reserved' : 'ordered';
  return write(data, sale, moved(at(data.metas, sale), from, 'sold', quantity), rid,
    { ...hold, status: 'paid' });
}

/** release for a row with this status and hold. */
export function release(world: World, data: RedisData, rid: number, final: OrderStatus,
  rowHold: number): Change {
  const hold = data.holds[rid];
  if (!hold) return undefined;
  const { sale, quantity } = at(world.attempts, rid);
  const meta = at(data.metas, sale);
  const isSource = final === 'refunded' ? hold.status === 'paid'
    : hold.status === 'reserved' || hold.status === 'pending_payment';
  let from = isSource ? counterOf(hold.status) : undefined;
  if (final === 'frozen' && world.rules.holdNumber && hold.hold > rowHold) from = undefined;
  if (!world.rules.recordCheck) from ??= 'ordered';
  if (from) return write(data, sale, moved(meta, from, 'available', quantity), rid,
    { ...hold, status: final });
  if (hold.status !== 'frozen' || final !== 'cancelled') return undefined;
  return write(data, sale, meta, rid, { ...hold, status: final });
}

/** requeue */
export function requeue(data: RedisData, rid: number): Change {
  const hold = data.holds[rid];
  if (hold?.status !== 'reserved') return undefined;
  const waiting = at(data.outbox, rid);
  if (waiting.some(({ epoch }) => epoch === hold.epoch)) return undefined;
  const entry = { epoch: hold.epoch, seq: hold.seq };
  return { ...data, outbox: changed(data.outbox, rid, [...waiting, entry]) };
}

/** retake of a row that was read with this hold; the same data where they are held already. */
export function retake(world: World, state: State, rid: number, rowHold: number): Change {
  const { redis } = state;
  const { sale, quantity } = at(world.attempts, rid);
  const meta = at(redis.metas, sale);
  const record = redis.holds[rid];
  if (isFenced(world, state, meta) || !record) return undefined;
  // Held before, by a call that broke off.
  if (record.hold === rowHold + 1 && counterOf(record.status)) return redis;
  if (record.status !== 'frozen' || record.hold > rowHold) return undefined;
  if (meta.available < quantity) return undefined;
  if (unitsInRedis(world, redis, rid) + quantity > world.limitPerBuyer) return undefined;
  return write(redis, sale, moved(meta, 'available', 'reserved', quantity), rid,
    { status: 'reserved', hold: rowHold + 1, epoch: meta.epoch, seq: record.seq });
}

/** adjust under this epoch. `short`: a decrease finds fewer units. */
export function adjust(state: State, sale: number, delta: number,
  epoch: number): 'fenced' | 'short' | RedisData {
  const { redis } = state;
  const meta = at(redis.metas, sale);
  if (meta.boot !== state.boot || meta.epoch !== epoch || meta.state !== 'open') return 'fenced';
  if (meta.isAdjusted) return redis;
  if (meta.available + delta < 0) return 'short';
  return { ...redis, metas: changed(redis.metas, sale, { ...meta, isAdjusted: true,
    total: meta.total + delta, available: meta.available + delta }) };
}

/** set-state with `recovering`, which leaves the name of the run. */
export function close(data: RedisData, { sale, id }: Runner): RedisData {
  return { ...data, metas: changed(data.metas, sale,
    { ...at(data.metas, sale), state: 'recovering', closer: id }) };
}

/** load-begin */
export function beginLoad(world: World, data: RedisData, runner: Runner): Change {
  const { sale, epoch, boot, total } = runner;
  const meta = at(data.metas, sale);
  const isNewer = meta.epoch > epoch || (meta.epoch === epoch && meta.state === 'open');
  if (isNewer) return undefined;
  if (world.rules.closerCheck && meta.closer !== runner.id) return undefined;
  const begun: Meta = { state: 'loading', boot: 0, loader: boot, closer: runner.id, epoch, total,
    available: total, reserved: 0, ordered: 0, sold: 0, seq: Math.max(meta.seq, runner.seq),
    isAdjusted: runner.isAdjusted && world.rules.marksAdjustments };
  return { ...data, metas: changed(data.metas, sale, begun),
    holds: data.holds.map((hold, rid) =>
      at(world.attempts, rid).sale === sale ? undefined : hold) };
}

/** load-records with all rows of the sale. */
export function loadRows(world: World, data: RedisData, { sale, epoch, rows }: Runner): Change {
  let meta = at(data.metas, sale);
  if (meta.state !== 'loading' || meta.epoch !== epoch) return undefined;
  const holds = data.holds.map((known, rid) => {
    const row = rows[rid];
    if (known || !row) return known;
    const counter = counterOf(row.status);
    if (counter) meta = moved(meta, 'available', counter, at(world.attempts, rid).quantity);
    return { status: row.status, hold: row.hold, epoch, seq: 0 };
  });
  return { ...data, metas: changed(data.metas, sale, meta), holds };
}

/** open */
export function open(data: RedisData, { sale, epoch, boot }: Runner): Change {
  const meta = at(data.metas, sale);
  if (meta.state !== 'loading' || meta.epoch !== epoch || meta.loader !== boot) return undefined;
  return { ...data,
    metas: changed(data.metas, sale, { ...meta, state: 'open', boot, loader: 0,
    closer: 0 }) };
}

/** What src/reconciliation/doubts.ts calls a doubt about a sale. */
export function isDoubtful(state: State, sale: number): boolean {
  const meta = at(state.redis.metas, sale);
  return meta.state !== 'open' || !isLive(state, sale) || meta.seq < at(state.stocks, sale).seq;
}

/** Whether Redis answers buyers of a sale by this data, or will once it is loaded. */
export function isCurrent(state: State, sale: number): boolean {
  const meta = at(state.redis.metas, sale);
  const stock: Stock = at(state.stocks, sale);
  const boot = meta.state === 'loading' ? meta.loader : meta.boot;
  return boot === state.boot && meta.epoch === stock.epoch && stock.gate === 'redis';
}

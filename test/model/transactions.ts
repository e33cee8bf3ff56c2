/** The transactions of src/order and src/stock. Undefined: rolled back, or no row fits. */
import type { OrderStatus } from '../../src/stock/record';
import { sourcesOf } from '../../src/order/order-status';
import { at, changed, holdsUnits, type Row, type State, type Stock } from './state';
import type { World } from './world';

type Change = State | undefined;

/** Order rows of one buyer in one sale take no more than the limit. */
function exceedsLimit({ attempts, limitPerBuyer, rules }: World, { rows }: State,
  rid: number): boolean {
  if (!rules.quotaCheck) return false;
  const { sale, buyer, quantity } = at(attempts, rid);
  const held = attempts.reduce((sum, attempt, other) => {
    const row = rows[other];
    const counts = attempt.sale === sale && attempt.buyer === buyer
      && row && holdsUnits(row.status);
    return counts ? sum + attempt.quantity : sum;
  }, 0);
  return held + quantity > limitPerBuyer;
}

function put(state: State, rid: number, row: Row, sale: number, stock: Partial<Stock>): State {
  return { ...state, rows: changed(state.rows, rid, row),
    stocks: changed(state.stocks, sale, { ...at(state.stocks, sale), ...stock }) };
}

/** The guarded update of src/stock/stock-book.ts. */
function allocated(world: World, state: State, rid: number, epoch: number): number | undefined {
  const { sale, quantity } = at(world.attempts, rid);
  const stock = at(state.stocks, sale);
  if (world.rules.epochCheck && stock.epoch !== epoch) return undefined;
  if (world.rules.unitCheck && stock.allocated + quantity > stock.total) return undefined;
  return exceedsLimit(world, state, rid) ? undefined : stock.allocated + quantity;
}

/** S5 for one entry, and a purchase in the database, which has the number 0. */
export function insertOrder(world: World, state: State, rid: number, epoch: number,
  seq: number): Change {
  if (state.rows[rid] && world.rules.primaryKey) return undefined;
  const after = allocated(world, state, rid, epoch);
  if (after === undefined) return undefined;
  const { sale } = at(world.attempts, rid);
  return put(state, rid, { status: 'pending_payment', hold: 1, isOverdue: false, given: 1 }, sale,
    { allocated: after, seq: Math.max(seq, at(state.stocks, sale).seq) });
}

/** A row that says that a reservation became no order; whoever wrote one before wins. */
export function insertTombstone(state: State, rid: number,
  status: 'rejected' | 'cancelled'): Change {
  if (state.rows[rid]) return undefined;
  const row: Row = { status, hold: 1, isOverdue: false, given: 0 };
  return { ...state, rows: changed(state.rows, rid, row) };
}

function mayBecome({ rules }: World, from: OrderStatus, to: OrderStatus): boolean {
  return rules.statusCheck ? sourcesOf(to).includes(from) : from !== to;
}

/** S7: payment. */
export function pay(world: World, state: State, rid: number): Change {
  const row = state.rows[rid];
  if (!row || !mayBecome(world, row.status, 'paid')) return undefined;
  if (row.isOverdue && world.rules.deadlineCheck) return undefined;
  return { ...state, rows: changed(state.rows, rid, { ...row, status: 'paid' }) };
}

/** S7: ends an order, or freezes it; its units go back. A frozen one has given them back before. */
export function endOrder(world: World, state: State, rid: number,
  to: 'cancelled' | 'expired' | 'refunded' | 'frozen'): Change {
  const row = state.rows[rid];
  if (!row || !holdsUnits(row.status) || !mayBecome(world, row.status, to)) return undefined;
  if (to === 'expired' && !row.isOverdue) return undefined;
  const { sale, quantity } = at(world.attempts, rid);
  return put(state, rid, { ...row, status: to, given: row.given - 1 }, sale,
    { allocated: at(state.stocks, sale).allocated - quantity });
}

/** S13: the commit of a thaw that read this hold and took the units under this epoch. */
export function commitThaw(world: World, state: State, rid: number, hold: number,
  epoch: number): Change {
  const row = state.rows[rid];
  if (row?.status !== 'frozen' || row.hold !== hold) return undefined;
  const after = allocated(world, state, rid, epoch);
  if (after === undefined) return undefined;
  return put(state, rid, { status: 'pending_payment', hold: hold + 1, isOverdue: false,
    given: row.given + 1 }, at(world.attempts, rid).sale, { allocated: after });
}

/** S13: ends a frozen order. */
export function cancelFrozen(state: State, rid: number): Change {
  const row = state.rows[rid];
  if (row?.status !== 'frozen') return undefined;
  return { ...state, rows: changed(state.rows, rid, { ...row, status: 'cancelled' }) };
}

/** S11: the statement that makes Redis the gate of a new epoch. Undefined: another was faster. */
export function raiseEpoch({ rules }: World, state: State, sale: number, before: number): Change {
  const stock = at(state.stocks, sale);
  if (stock.epoch !== before) return undefined;
  const epoch = rules.raisesEpoch ? stock.epoch + 1 : stock.epoch;
  return { ...state, stocks: changed(state.stocks, sale, { ...stock, epoch, gate: 'redis' }) };
}

/** A sale goes over to the database as a whole. */
export function leaveRedis(state: State, sale: number): Change {
  const stock = at(state.stocks, sale);
  if (stock.gate === 'database') return undefined;
  return { ...state, stocks: changed(state.stocks, sale,
    { ...stock, epoch: stock.epoch + 1, gate: 'database' }) };
}

/** S12: the total and the adjustment's status. Undefined: the epoch or orders forbid. */
export function moveTotal(state: State, sale: number, delta: number,
  to: 'in_database' | 'done'): Change {
  const stock = at(state.stocks, sale);
  const adjustment = at(state.adjustments, sale);
  if (adjustment.status !== 'pending' || stock.epoch !== adjustment.readEpoch
    || stock.allocated > stock.total + delta) {
    return undefined;
  }
  return { ...state,
    stocks: changed(state.stocks, sale, { ...stock, total: stock.total + delta }),
    adjustments: changed(state.adjustments, sale, { ...adjustment, status: to }) };
}

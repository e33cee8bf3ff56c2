import type { OrderStatus } from '../../../src/stock';
import { transitions } from '../../../src/order/order-status';
import type { BookedOrder, Books } from '../support/books';
import type { HistoryLine } from './history';

/** What contradicts: the fewest lines of the history, rows, records and sums that show it. */
export type Evidence = readonly unknown[];

/** A history and the books beside it, sorted the way the rules ask for them. */
export interface Facts {
  history: readonly HistoryLine[];
  books: Books;
  /** The first row of each rid. */
  rows: ReadonlyMap<string, BookedOrder>;
  /** The rows of each user id. */
  rowsOfUsers: ReadonlyMap<string, readonly BookedOrder[]>;
  /** Purchases that were said yes to. */
  acknowledged: readonly Acknowledgement[];
  /** All purchases with the same user, sale and key, in the order in which they were asked for. */
  purchases: readonly (readonly HistoryLine[])[];
  /** Redis has really lost writes that it had acknowledged. */
  mayLose: boolean;
}

export type Acknowledgement = HistoryLine & { rid: string };

export function isAcknowledged(line: HistoryLine): line is Acknowledgement {
  return line.operation === 'buy' && line.answer === 'ok' && line.rid !== undefined
    && line.orderStatus !== 'rejected';
}

const holding: readonly OrderStatus[] = ['pending_payment', 'paid'];

/** Whether a row of this status has units that nobody else can have. */
export function holdsUnits({ status }: BookedOrder): boolean {
  return holding.includes(status);
}

/**
 * A reservation that became no order: its buyer gave it up before it had a row, or a worker had it in
 * hand when Redis came back without it.
 */
export function isTombstone({ status, reason }: BookedOrder): boolean {
  return reason === (status === 'cancelled' ? 'CANCELLED_BY_BUYER' : 'EPOCH_PASSED');
}

export function unitsOf(rows: readonly BookedOrder[]): number {
  return rows.reduce((sum, { quantity }) => sum + quantity, 0);
}

/** The units that each buyer holds by the rows. */
export function heldByRows(rows: readonly BookedOrder[]): Record<string, number> {
  const held: Record<string, number> = {};
  for (const row of rows.filter(holdsUnits)) {
    held[row.user_id] = (held[row.user_id] ?? 0) + row.quantity;
  }
  return held;
}

/** Whether an order may come from one status to the other, in any number of steps or none. */
export function leadsTo(from: OrderStatus, to: OrderStatus): boolean {
  return (reachable.get(from) ?? new Set()).has(to);
}

const reachable = new Map((Object.keys(transitions) as OrderStatus[]).map((start) => {
  const found = new Set<OrderStatus>([start]);
  for (const status of found) for (const next of transitions[status]) found.add(next);
  return [start, found];
}));

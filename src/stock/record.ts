/** What became of a reservation and its order. `reserved`: held, the row is not yet written. */
export type OrderStatus = 'reserved' | 'pending_payment' | 'paid' | 'cancelled' | 'expired'
  | 'frozen' | 'rejected' | 'refunded';

/** The letter of each status in a Redis record; `lua/record.include.lua` has the same table. */
export const recordLetters = {
  reserved: 'R', pending_payment: 'O', paid: 'S', cancelled: 'C', expired: 'E', rejected: 'J',
  frozen: 'F', refunded: 'B',
} as const satisfies Record<OrderStatus, string>;

/**
 * A status as the scripts take it: its letter and, from the second on, the number of the order's hold.
 * A thawed order takes its units again: what is said of one hold must not be done to the next.
 */
export function stateText(status: OrderStatus, hold: number): string {
  return `${recordLetters[status]}${hold > 1 ? hold : ''}`;
}

/** Statuses in which an order holds no units; only a frozen one may take them again. */
export type ReleasedStatus = 'cancelled' | 'expired' | 'rejected' | 'frozen' | 'refunded';

/** One reservation as Redis keeps it. Times are milliseconds since 1970 by the clock of Redis. */
export interface Reservation {
  rid: string;
  status: OrderStatus;
  /** How often it has taken its units, from 1. */
  hold: number;
  quantity: number;
  deadlineMs: number;
  seq: number;
  epoch: number;
  reservedAtMs: number;
  requeues: number;
  fingerprint: string;
  userId: string;
}

const recordPattern =
  /^([A-Z])(\d{0,5})\|(\d+)\|(\d+)\|(\d+)\|(\d+)\|(\d+)\|(\d+)\|([^|]*)\|(.*)$/s;

/** Reads the text of a record. Throws when it is not one: a fault that no answer may hide. */
export function parseRecord(rid: string, text: string): Reservation {
  const [, letter = '', hold, quantity, deadlineMs, seq, epoch, reservedAtMs, requeues, fingerprint = '',
    userId = ''] = recordPattern.exec(text) ?? [];
  return { rid, status: statusOfLetter(letter), hold: Number(hold) || 1,
    quantity: Number(quantity), deadlineMs: Number(deadlineMs), seq: Number(seq), epoch: Number(epoch),
    reservedAtMs: Number(reservedAtMs), requeues: Number(requeues), fingerprint, userId };
}

const statuses = new Map(Object.entries(recordLetters).map(([status, letter]) =>
  [letter as string, status as OrderStatus]));

/** The status behind a record's letter. Throws when there is none. */
export function statusOfLetter(letter: string): OrderStatus {
  const status = statuses.get(letter);
  if (status === undefined) throw new Error(`No status has the letter "${letter}"`);
  return status;
}

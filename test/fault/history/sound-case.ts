import type { OrderStatus } from '../../../src/stock';
import { recordLetters } from '../../../src/stock/record';
import type { BookedOrder, Books } from '../support/books';
import type { Random } from '../support/random';
import { holdsUnits, heldByRows, unitsOf } from './facts';
import type { HistoryLine } from './history';

/** A history and the books that it led to. */
export interface Case {
  lines: HistoryLine[];
  books: Books;
}

const limit = 2;
const endings = ['pending_payment', 'paid', 'cancelled', 'expired', 'frozen', 'refunded'] as const;

type Answer = Pick<HistoryLine, 'answer'> & Partial<HistoryLine>;

/** Plays a sale without servers: some answers are lost, everything else is right. */
export class SoundSale {
  private readonly lines: HistoryLine[] = [];
  private readonly rows: BookedOrder[] = [];
  private readonly takenPayments: string[] = [];
  private nowMs = 0;

  constructor(private readonly random: Random, private readonly total = 6) {}

  /** One buyer from his purchase to its end, by the dice where nothing is said. */
  visit(userId: string, quantity = this.random.integer(1, limit),
    ending: typeof endings[number] = this.random.pick(endings)): void {
    const rid = `rid-of-${userId}`;
    const about = { client: userId, userId, quantity, rid };
    const left = this.total - unitsOf(this.rows.filter(holdsUnits));
    if (quantity > left) {
      this.hear('buy', { client: userId, userId, quantity, answer: 'refused', status: 409,
        code: 'SOLD_OUT' });
      return;
    }
    this.rows.push({ rid, user_id: userId, quantity, status: ending, reason: null, epoch: 1 });
    if (this.random.chance(0.3)) this.hear('buy', { ...about, answer: 'unknown', rid: undefined });
    this.hear('buy', { ...about, answer: 'ok', status: 202, orderStatus: 'reserved' });
    this.read(about, this.random.chance(0.5) ? 'reserved' : 'pending_payment');
    if (ending === 'paid' || ending === 'refunded') {
      this.takenPayments.push(rid);
      this.hear('pay', { ...about, answer: 'ok', status: 200 });
    } else if (ending === 'cancelled') {
      this.hear('cancel', { ...about, answer: 'ok', status: 200, orderStatus: ending });
    }
    this.read(about, ending);
    if (this.random.chance(0.2)) {
      this.hear('read', { ...about, client: 'spy', userId: 'spy', answer: 'refused', status: 404 });
    }
  }

  finish(): Case {
    const { rows, total } = this;
    const held = heldByRows(rows);
    const allocated = unitsOf(rows.filter(holdsUnits));
    const unitsIn = (wanted: string) => unitsOf(rows.filter(({ status }) => status === wanted));
    const [pending, paid] = [unitsIn('pending_payment'), unitsIn('paid')];
    return { lines: this.lines, books: {
      rows, pending, paid, takenPayments: this.takenPayments, replacements: [],
      latePayments: [], outbox: 0, id: 'sale', segments: [], loans: [], loanMovements: [],
      database: { total, allocated, epoch: 1, seq: rows.length, limit },
      ledger: { total, allocated }, hasRedisSide: true, quotas: { ...held }, users: { ...held },
      redis: { state: 'open', total, available: total - allocated, reserved: 0, ordered: pending,
        sold: paid, epoch: 1, seq: rows.length },
      records: Object.fromEntries(rows.map(({ rid, status }) => [rid, recordLetters[status]])),
    } };
  }

  private read(about: Partial<HistoryLine>, orderStatus: OrderStatus): void {
    this.hear('read', { ...about, answer: 'ok', status: 200, orderStatus });
  }

  private hear(operation: HistoryLine['operation'], answer: Answer): void {
    const invokedMs = this.nowMs;
    this.nowMs += this.random.integer(0, 5);
    this.lines.push({ at: '', process: 'one', client: '', operation, key: `key-${answer.userId}`,
      userId: '', saleId: 'sale', quantity: 1, invokedMs, answeredMs: this.nowMs, ...answer });
  }
}

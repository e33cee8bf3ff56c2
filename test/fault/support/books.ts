import type { RowDataPacket } from 'mysql2';
import type { Connection } from 'mysql2/promise';
import { isRedisStrategy, stockIdsOf, type StockStrategy } from '../../../src/sale';
import type { OrderStatus } from '../../../src/stock';
import { parseRecord, recordLetters } from '../../../src/stock/record';
import { saleKeys } from '../../../src/stock/sale-keys';
import type { Acknowledged } from '../../support/crowd';
import { until } from '../../support/until';
import { checkHistory, describeViolations } from '../history/check-history';
import { unitsOf } from '../history/facts';
import type { HistoryLine } from '../history/history';
import { nothingWaits } from '../history/rules-of-books';
import { sumOfBooks } from '../history/sum-of-books';
import type { Deployment } from './deployment';

/** One row of `orders`. */
export interface BookedOrder {
  rid: string;
  user_id: string;
  quantity: number;
  status: Exclude<OrderStatus, 'reserved'>;
  reason: string | null;
  epoch: number;
}

/** Units that one segment of a sale lent another, by `segment_loans`. */
export interface BookedLoan {
  id: string;
  lender: string;
  borrower: string;
  units: number;
  status: 'begun' | 'done' | 'refused';
}

/** One side of a loan, by the ledger of the segment that gave, or got, the units. */
export interface LoanMovement {
  loan: string;
  segment: string;
  units: number;
}

/**
 * Both sides of one sale as they are stored, read without the product. Numbers are units. Of a sale in
 * segments: the sums, and beside them each segment by itself.
 */
export interface Books {
  /** Of the sale, or the segment. */
  id: string;
  rows: BookedOrder[];
  /** Units by the two statuses that hold any: P and D. */
  pending: number;
  paid: number;
  database: { total: number; allocated: number; epoch: number; seq: number; limit: number };
  ledger: { total: number; allocated: number };
  /** False where the sale's strategy gives units away in the database alone. */
  hasRedisSide: boolean;
  quotas: Record<string, number>;
  /** Orders whose money has been taken. */
  takenPayments: string[];
  /** Orders that late money was turned into; orders whose late money may yet be, or was sent back. */
  replacements: string[];
  latePayments: string[];
  redis: { state: string; total: number; available: number; reserved: number; ordered: number;
    sold: number; epoch: number; seq: number };
  /** The letter of each record, see src/stock/record.ts. */
  records: Record<string, string>;
  users: Record<string, number>;
  outbox: number;
  segments: Books[];
  loans: BookedLoan[];
  loanMovements: LoanMovement[];
}

interface PaymentRow {
  order_rid: string;
  replacement_rid: string | null;
  status: string;
}

const lateStatuses = ['received', 'late', 'refunding', 'refunded'];
/** Schedules that were deleted are put back twice a minute; reconciliation comes once a minute. */
const patienceMs = 120_000;

/**
 * Waits until nothing of the sale is on its way any more, then checks every invariant. The rows of
 * `acknowledged` must all be there (I8). Resolves to the books.
 */
export async function checkBooks(deployment: Deployment, saleId: string,
  acknowledged: readonly Acknowledged[]): Promise<Books> {
  const books = await booksAtRest(deployment, saleId);
  const lines = acknowledged.map(({ orderId, userId, key }): HistoryLine => ({
    at: '', process: '', client: userId, operation: 'buy', rid: orderId, key, userId, saleId,
    quantity: 1, invokedMs: 0, answeredMs: 0, answer: 'ok',
  }));
  expect(describeViolations(checkHistory(lines, books).violations)).toBe('');
  return books;
}

/**
 * The books once no reservation waits and each record of Redis says what its row says; after the
 * patience is over as they are then, for the checker to say what still waits.
 */
export async function booksAtRest(deployment: Deployment, saleId: string,
  mayLose = false): Promise<Books> {
  const connection = await deployment.connectDatabase();
  let books = await readBooks(deployment, connection, saleId);
  try {
    await until('the sale is at rest', async () => {
      books = await readBooks(deployment, connection, saleId);
      // Not between the two looks of a recovery. What a dead relay left in the outbox does no harm
      // any more: it is not waited for.
      return [books, ...books.segments].every((part) => !part.hasRedisSide
        || (part.redis.epoch === part.database.epoch
          && nothingWaits({ books: part, mayLose }).length === 0));
    }, patienceMs).catch(() => undefined); // nothingWaits says what waits
    return books;
  } finally {
    await connection.end();
  }
}

async function readBooks(deployment: Deployment, connection: Connection,
  saleId: string): Promise<Books> {
  // Each side at one moment, the database first: what agrees then was at rest in between.
  await connection.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
  const [sale] = await rowsOf<{ segments: number }>(connection,
    'SELECT segments FROM sales WHERE id = ?', saleId);
  if (!sale) throw new Error(`The database has no sale ${saleId}`);
  const stored = [];
  for (const stockId of stockIdsOf({ id: saleId, ...sale })) {
    stored.push(await readDatabase(connection, stockId));
  }
  const lent = await readLoans(connection, saleId);
  await connection.query('COMMIT');
  const parts = await Promise.all(stored.map(async (side): Promise<Books> => ({ ...side,
    ...await readRedis(deployment, side.id), segments: [], loans: [], loanMovements: [] })));
  const [only] = parts;
  return only && sale.segments === 1 ? only : sumOfBooks(saleId, parts, lent);
}

async function rowsOf<Fields>(connection: Connection, sql: string, id: string) {
  return (await connection.query(sql, [id]))[0] as (RowDataPacket & Fields)[];
}

/** Of a sale without segments, or of one segment. */
async function readDatabase(connection: Connection, id: string) {
  const [found] = await rowsOf<Books['database'] & { strategy: StockStrategy }>(connection,
    `SELECT total, allocated, epoch, seq, limit_per_user AS \`limit\`, strategy
      FROM sale_stock JOIN sales ON id = sale_id WHERE sale_id = ?`, id);
  const [ledger] = await rowsOf<Books['ledger']>(connection,
    `SELECT SUM(available_delta + allocated_delta) AS total,
      COALESCE(SUM(allocated_delta), 0) AS allocated FROM stock_ledger WHERE sale_id = ?`, id);
  const quotas = await rowsOf<{ user_id: string; quantity: number }>(connection,
    'SELECT user_id, quantity FROM buyer_quotas WHERE sale_id = ? AND quantity > 0', id);
  const rows = await rowsOf<BookedOrder>(connection,
    'SELECT rid, user_id, quantity, status, reason, epoch FROM orders WHERE sale_id = ?', id);
  const payments = await rowsOf<PaymentRow>(connection,
    `SELECT order_rid, replacement_rid, p.status FROM payments p JOIN orders ON rid = order_rid
      WHERE sale_id = ?`, id);
  if (!found || !ledger) throw new Error(`The database has no stock of ${id}`);
  const { strategy, ...database } = found;
  const unitsIn = (wanted: string) => unitsOf(rows.filter(({ status }) => status === wanted));
  return { id, rows, pending: unitsIn('pending_payment'), paid: unitsIn('paid'),
    database, ledger: { ...ledger }, hasRedisSide: isRedisStrategy(strategy),
    quotas: Object.fromEntries(quotas.map(({ user_id, quantity }) => [user_id, quantity])),
    takenPayments: payments.filter(({ status }) => status !== 'started' && status !== 'failed')
      .map(({ order_rid }) => order_rid),
    replacements: payments.flatMap(({ replacement_rid }) => replacement_rid ?? []),
    latePayments: payments.filter((payment) => payment.replacement_rid === null
      && lateStatuses.includes(payment.status)).map(({ order_rid }) => order_rid) };
}

async function readLoans(connection: Connection,
  saleId: string): Promise<Pick<Books, 'loans' | 'loanMovements'>> {
  const loans = await rowsOf<BookedLoan>(connection,
    'SELECT id, lender, borrower, units, status FROM segment_loans WHERE sale_id = ?', saleId);
  const loanMovements = await rowsOf<LoanMovement>(connection,
    `SELECT SUBSTRING(movement_id, 8) AS loan, sale_id AS segment, available_delta AS units
      FROM stock_ledger JOIN sales ON id = sale_id
      WHERE segment_of = ? AND movement_id LIKE 'adjust:loan%'`, saleId);
  return { loans, loanMovements };
}

async function readRedis({ redis, config }: Deployment, saleId: string) {
  const keys = saleKeys(config.redisNamespace, saleId);
  const replies = await redis.multi().hgetall(keys.meta).hgetall(keys.records)
    .hgetall(keys.users).xlen(keys.outbox).exec() ?? [];
  const [meta, records, users, outbox] = replies.map(([, reply]) => reply) as
    [Record<string, string>, Record<string, string>, Record<string, string>, number];
  const count = (name: string) => Number(meta[name]);
  return {
    redis: { state: meta['state'] ?? 'absent', total: count('total'), available: count('available'),
      reserved: count('reserved'), ordered: count('ordered'), sold: count('sold'),
      epoch: count('epoch'), seq: count('seq') },
    records: Object.fromEntries(Object.entries(records).map(([rid, text]) =>
      [rid, recordLetters[parseRecord(rid, text).status]])),
    users: Object.fromEntries(Object.entries(users).map(([id, units]) => [id, Number(units)])),
    outbox,
  };
}

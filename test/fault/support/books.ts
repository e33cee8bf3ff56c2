import type { RowDataPacket } from 'mysql2';
import type { Connection } from 'mysql2/promise';
import { parseRecord, recordLetters } from '../../../src/stock/record';
import { saleKeys } from '../../../src/stock/sale-keys';
import { until } from '../../support/until';
import type { Acknowledged } from './crowd';
import type { Deployment } from './deployment';

const holdingStatuses = ['pending_payment', 'paid'];

interface Row extends RowDataPacket {
  rid: string;
  user_id: string;
  quantity: number;
  status: keyof typeof recordLetters;
  reason: string | null;
}

/** Both sides of one sale as they are stored, read without the product. */
export interface Books {
  rows: Row[];
  /** Units by the two statuses that hold any: P and D. */
  pending: number;
  paid: number;
  database: { total: number; allocated: number; epoch: number; seq: number; limit: number };
  ledger: { total: number; allocated: number };
  quotas: Record<string, number>;
  redis: { state: string; total: number; available: number; reserved: number; ordered: number;
    sold: number; epoch: number; seq: number };
  records: Record<string, string>;
  users: Record<string, number>;
  outbox: number;
}

/**
 * Waits until nothing of the sale is on its way any more, then checks every invariant. The rows of
 * `acknowledged` must all be there (I8). Resolves to the books.
 */
export async function checkBooks(deployment: Deployment, saleId: string,
  acknowledged: readonly Acknowledged[]): Promise<Books> {
  const connection = await deployment.connectDatabase();
  try {
    const books = await untilQuiet(deployment, connection, saleId);
    const rids = new Set(books.rows.map(({ rid }) => rid));
    expect(acknowledged.filter(({ orderId }) => !rids.has(orderId))).toEqual([]);
    expectAlike(books);
    return books;
  } finally {
    await connection.end();
  }
}

/** The books once no reservation waits and each record of Redis says what its row says. */
async function untilQuiet(deployment: Deployment, connection: Connection, saleId: string) {
  let last: Books | undefined;
  try {
    return await until('the sale is at rest', async () => {
      last = await readBooks(deployment, connection, saleId);
      return isQuiet(last) && last;
    }, 45_000);
  } catch (error) {
    throw new Error(`${String(error)}\n${JSON.stringify({ ...last, rows: last?.rows.length,
      records: undefined, quotas: undefined, users: undefined })}`, { cause: error });
  }
}

/** What a dead relay left in the outbox does no harm any more: it is not waited for. */
function isQuiet({ rows, redis, records }: Books): boolean {
  const isOpen = redis.state === 'open' || redis.state === 'closed';
  return isOpen && redis.reserved === 0
    && rows.length === Object.keys(records).length
    && rows.every(({ rid, status }) => records[rid] === recordLetters[status]);
}

function expectAlike(books: Books): void {
  const { pending, paid, database, ledger, redis, rows, quotas, users } = books;
  const { total, allocated } = database;
  // I1, the ledger (I14), and the row of every refusal.
  expect(allocated).toBe(pending + paid);
  expect(ledger).toEqual({ total, allocated });
  expect(allocated).toBeLessThanOrEqual(total);
  expect(rows.filter(({ status, reason }) => status === 'rejected' && !reason)).toEqual([]);
  // I2, I4: with nothing in flight both sides agree unit by unit, which is a drift of 0.
  expect(redis).toEqual({ state: redis.state, total, available: total - allocated, reserved: 0,
    ordered: pending, sold: paid, epoch: database.epoch, seq: redis.seq });
  expect(redis.seq).toBeGreaterThanOrEqual(database.seq); // I11
  // I6, in the rows, the quotas and Redis.
  const held: Record<string, number> = {};
  for (const { user_id: userId, quantity, status } of rows) {
    if (holdingStatuses.includes(status)) held[userId] = (held[userId] ?? 0) + quantity;
  }
  expect(Object.entries(held).filter(([, units]) => units > database.limit)).toEqual([]);
  expect(quotas).toEqual(held);
  expect(users).toEqual(held);
}

async function readBooks(deployment: Deployment, connection: Connection,
  saleId: string): Promise<Books> {
  const read = async <Fields>(sql: string) =>
    (await connection.query(sql, [saleId]))[0] as (RowDataPacket & Fields)[];
  // Each side at one moment, the database first: what agrees then was at rest in between.
  await connection.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
  const [database] = await read<Books['database']>(
    `SELECT total, allocated, epoch, seq, limit_per_user AS \`limit\`
      FROM sale_stock JOIN sales ON id = sale_id WHERE sale_id = ?`);
  const [ledger] = await read<Books['ledger']>(
    `SELECT SUM(available_delta + allocated_delta) AS total,
      COALESCE(SUM(allocated_delta), 0) AS allocated FROM stock_ledger WHERE sale_id = ?`);
  const quotas = await read<{ user_id: string; quantity: number }>(
    'SELECT user_id, quantity FROM buyer_quotas WHERE sale_id = ? AND quantity > 0');
  const rows = await read<Row>(
    'SELECT rid, user_id, quantity, status, reason FROM orders WHERE sale_id = ?') as Row[];
  await connection.query('COMMIT');
  if (!database || !ledger) throw new Error(`The database has no sale ${saleId}`);
  const unitsOf = (wanted: string) => rows.filter(({ status }) => status === wanted)
    .reduce((sum, { quantity }) => sum + quantity, 0);
  return { rows, pending: unitsOf('pending_payment'), paid: unitsOf('paid'),
    database: { ...database }, ledger: { ...ledger },
    quotas: Object.fromEntries(quotas.map(({ user_id, quantity }) => [user_id, quantity])),
    ...await readRedis(deployment, saleId) };
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

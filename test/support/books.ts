import { Database } from '../../src/infra/database';
import { RedisConnections } from '../../src/infra/redis';
import { OrderStore, type Order } from '../../src/order';
import { saleKeys, type OrderStatus } from '../../src/stock';
import { parseRecord, type Reservation } from '../../src/stock/record';
import type { TestProduct } from './product';
import { until } from './until';

/** Whether an order of this status has units that nobody else can buy. */
export function holdsUnits(status: OrderStatus): boolean {
  return status === 'reserved' || status === 'pending_payment' || status === 'paid';
}

/** Long before reconciliation would put right what nobody tells. */
const toldWithinMs = 10_000;

interface StockRow { total: number; allocated: number; seq: number; limit: number }
interface LedgerRow { kind: string; rid: string | null; available: number; allocated: number }

/** All that both sides remember of one sale, in units. Read it while nothing of the sale moves. */
export interface Books {
  stock: StockRow;
  orders: Order[];
  quotas: Record<string, number>;
  ledger: LedgerRow[];
  redis: {
    counters: Record<'total' | 'available' | 'reserved' | 'ordered' | 'sold' | 'seq', number>;
    records: Reservation[];
    users: Record<string, number>;
    due: string[];
    outbox: number;
  };
}

export async function readBooks(product: TestProduct, saleId: string): Promise<Books> {
  const database = product.get(Database);
  const [stock] = await database.query<StockRow>(
    `SELECT k.total, k.allocated, k.seq, s.limit_per_user AS \`limit\`
      FROM sale_stock k JOIN sales s ON s.id = k.sale_id WHERE k.sale_id = ?`, [saleId]);
  if (!stock) throw new Error(`The sale ${saleId} has no stock row`);
  const quotas = await database.query<{ user_id: string; quantity: number }>(
    'SELECT user_id, quantity FROM buyer_quotas WHERE sale_id = ?', [saleId]);
  const ledger = await database.query<LedgerRow>(
    `SELECT kind, rid, available_delta AS available, allocated_delta AS allocated
      FROM stock_ledger WHERE sale_id = ?`, [saleId]);
  const orders: Order[] = [];
  for await (const page of product.get(OrderStore).ofSale(saleId)) orders.push(...page);
  return { stock, orders, ledger, redis: await readRedis(product, saleId),
    quotas: Object.fromEntries(quotas.map((row) => [row.user_id, row.quantity])) };
}

async function readRedis(product: TestProduct, saleId: string): Promise<Books['redis']> {
  const redis = product.get(RedisConnections).general;
  const keys = saleKeys(product.config.redisNamespace, saleId);
  const [meta, records, users, due, outbox] = await Promise.all([redis.hgetall(keys.meta),
    redis.hgetall(keys.records), redis.hgetall(keys.users), redis.zrange(keys.due, '0', '-1'),
    redis.xlen(keys.outbox)]);
  const count = (name: string) => Number(meta[name]);
  return {
    counters: { total: count('total'), available: count('available'), reserved: count('reserved'),
      ordered: count('ordered'), sold: count('sold'), seq: count('seq') },
    records: Object.entries(records).map(([rid, text]) => parseRecord(rid, text)),
    users: Object.fromEntries(Object.entries(users).map(([id, units]) => [id, Number(units)])),
    due, outbox,
  };
}

/** What contradicts the invariants that hold after every single step; empty when all is well. */
export function faultsOf({ stock, orders, quotas, ledger, redis }: Books): string[] {
  const { counters, records, users } = redis;
  const rows = new Map(orders.map((order) => [order.id, order]));
  const inStatus = (status: string) =>
    unitsOf(records.filter((record) => record.status === status));
  const pending = unitsOf(orders.filter(({ status }) => status === 'pending_payment'));
  const paid = unitsOf(orders.filter(({ status }) => status === 'paid'));
  const unwritten = records.filter(({ status, rid }) => status === 'reserved' && !rows.has(rid));
  const early = records.filter(({ rid, status }) =>
    !holdsUnits(status) && rows.get(rid)?.status !== status);
  return Object.entries({
    'I1: allocated = pending + paid': stock.allocated === pending + paid,
    'I1: 0 <= allocated <= total': stock.allocated >= 0 && stock.allocated <= stock.total,
    'I2: available + reserved + ordered + sold = total': counters.available + counters.reserved
      + counters.ordered + counters.sold === counters.total && counters.available >= 0,
    'I2: reserved is that of the records': counters.reserved === inStatus('reserved'),
    'I2: ordered is that of the records': counters.ordered === inStatus('pending_payment'),
    'I2: sold is that of the records': counters.sold === inStatus('paid'),
    'I3: available <= total - allocated - held without a row':
      counters.available <= stock.total - stock.allocated - unitsOf(unwritten),
    'I6: users are those of the records': isSame(users, unitsByUser(records)),
    'I6: quotas are those of the rows':
      isSame(withoutZeros(quotas), unitsByUser(orders)),
    'I6: nobody has more than the limit': [...Object.values(users), ...Object.values(quotas)]
      .every((units) => units <= stock.limit),
    'I9: what was released has a final row': early.length === 0,
    'I11: redis seq >= database seq': counters.seq >= stock.seq,
    'I14: the ledger adds up to the total':
      sum(ledger.map((row) => row.available + row.allocated)) === stock.total,
    'I14: the ledger adds up to what orders hold':
      sum(ledger.map((row) => row.allocated)) === stock.allocated,
    'I14: every order that held units has its movements': isSame(movementsOf(ledger),
      Object.fromEntries(orders.filter(wasAllocated).map(({ id, status }) =>
        [id, holdsUnits(status) ? 1 : 0]))),
  }).flatMap(([rule, holds]) => holds ? [] : [rule]);
}

/** The same, and what must hold as well once nothing of the sale is on its way any more. */
export function faultsAtRest(books: Books): string[] {
  const { stock, redis: { counters } } = books;
  const isEven = counters.available === stock.total - stock.allocated
    && counters.total === stock.total;
  return [...faultsOf(books), ...isEven ? [] : ['I4: available = total - allocated'],
    ...faultsUntilTold(books)];
}

/** What does not hold for as long as Redis has not been told of what the database has decided. */
function faultsUntilTold({ orders, redis: { records, due, outbox } }: Books): string[] {
  const ordered = records.filter(({ status }) => status === 'pending_payment');
  return Object.entries({
    'I8: every reservation has its row, in the same status': isSame(
      Object.fromEntries(records.map(({ rid, status }) => [rid, status])),
      Object.fromEntries(orders.map(({ id, status }) => [id, status]))),
    'due holds what waits for payment': isSame(due.sort(), ordered.map(({ rid }) => rid).sort()),
    'the outbox is empty': outbox === 0,
  }).flatMap(([rule, holds]) => holds ? [] : [rule]);
}

/** Fails unless the books of a sale balance once nothing is on its way. Resolves to them. */
export async function expectBooksToBalance(product: TestProduct, saleId: string): Promise<Books> {
  await product.client.atRest(saleId);
  const { outbox } = saleKeys(product.config.redisNamespace, saleId);
  // What a relay was being told when its server died, it reads again after 10 s.
  await until('the outbox is empty', async () =>
    await product.get(RedisConnections).general.xlen(outbox) === 0);
  let books = await readBooks(product, saleId);
  // A command to Redis that got no answer in time on a busy machine is sent again a second later.
  await until('Redis has been told', async () => {
    books = await readBooks(product, saleId);
    return faultsUntilTold(books).length === 0;
  }, toldWithinMs).catch(() => undefined); // the expectation says what was not
  expect(faultsAtRest(books)).toEqual([]);
  return books;
}

/** A tombstone never held units in the database. */
function wasAllocated({ status, reason }: Order): boolean {
  return status !== 'rejected' && reason !== 'CANCELLED_BY_BUYER'
    && reason !== 'CANCELLED_BY_SERVICE';
}

/** By order: 1 when its units are out, 0 when they came back. */
function movementsOf(ledger: readonly LedgerRow[]): Record<string, number> {
  const movements: Record<string, number> = {};
  for (const { rid, allocated } of ledger) {
    if (rid !== null) movements[rid] = (movements[rid] ?? 0) + Math.sign(allocated);
  }
  return movements;
}

function unitsByUser(
  holders: readonly { userId: string; status: OrderStatus; quantity: number }[],
): Record<string, number> {
  const units: Record<string, number> = {};
  for (const { userId, status, quantity } of holders) {
    if (holdsUnits(status)) units[userId] = (units[userId] ?? 0) + quantity;
  }
  return units;
}

function withoutZeros(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, units]) => units !== 0));
}

function unitsOf(items: readonly { quantity: number }[]): number {
  return sum(items.map(({ quantity }) => quantity));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function isSame(a: object, b: object): boolean {
  const sorted = (value: object) => JSON.stringify(Object.entries(value).sort());
  return sorted(a) === sorted(b);
}

import { Database, Transaction } from '../../src/infra/database';
import { OrderLife, OrderStore } from '../../src/order';
import { RetiredSales } from '../../src/reconciliation/retired-sales';
import { SegmentKeeper } from '../../src/reconciliation/segment-keeper';
import { archive, letAge } from '../support/archiving';
import { admin } from '../support/client';
import { TestProduct } from '../support/product';
import { SegmentedSale } from '../support/segmented-sale';
import { until } from '../support/until';

/** Rows of sales that are over: as many as make a scan dearer than an index. */
const copies = 20_000;
/** What an index may have to look at for one statement; tables that stay small are below it. */
const rowsAtMost = 2_000;
const archived = ['orders', 'stock_ledger', 'buyer_quotas'];
const growing = ['sales', 'sale_stock', ...archived, ...archived.map((table) => `archived_${table}`),
  'stock_adjustments', 'segment_loans', 'audit_log'];
/** What tells copies of a row apart. */
const identities: Record<string, string> = {
  user_id: `CONCAT(user_id, '-', numbers.seq)`,
  ...Object.fromEntries(['rid', 'movement_id', 'id'].map((name) => [name,
    `CONCAT(LEFT(${name}, CHAR_LENGTH(${name}) - 6), LPAD(numbers.seq, 6, '0'))`])),
  'sale_stock.sale_id': "CONCAT(LEFT(sale_id, CHAR_LENGTH(sale_id) - 6), LPAD(numbers.seq, 6, '0'))",
  // Copies of a sale are over for good, and for long.
  ...Object.fromEntries(['retired_at', 'archived_at'].map((name) =>
    [name, 'NOW(3) - INTERVAL 60 DAY'])),
};
/** Statements of the schedules, which come in their own time: the workload waits for them. */
const scheduled = [/status = 'pending_payment'[^]*expires_at|SKIP LOCKED/, /next_check_at/,
  /FROM sale_stock JOIN sales/];
/** Statements that choose rows of `orders` and lock them. */
const locksOrders = /UPDATE orders\b|DELETE\b.* FROM orders\b|FROM orders\b[^]*FOR UPDATE/;

interface Plan {
  table: string | null;
  type: string | null;
  key: string | null;
  rows: number | null;
}

describe('statements over tables that grow with the orders', () => {
  let product: TestProduct;
  let spies: jest.SpyInstance<unknown, [string, (readonly unknown[])?]>[];

  /** What the product asked of the database, the last time with these parameters. */
  const seen = () => new Map(spies.flatMap(({ mock }) => mock.calls)
    .filter(([sql]) => /^\s*\(?(SELECT|UPDATE|DELETE|INSERT[^]*SELECT)/.test(sql))
    .map(([sql, parameters = []]) => [sql, parameters]));

  beforeAll(async () => {
    product = await TestProduct.start();
    spies = [jest.spyOn(Transaction.prototype, 'query'), jest.spyOn(Transaction.prototype, 'execute')];
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await product.stop();
  });

  /** A sale whose buyers are all kept by one segment, which borrows from the other. */
  async function sellInSegments(): Promise<SegmentedSale> {
    const sale = await SegmentedSale.open(product, { stock: 4, segments: 2 });
    for (const userId of sale.buyersOf(0, 3)) await product.client.order(sale.id, userId);
    expect(await sale.loans()).toContainEqual(expect.objectContaining({ status: 'done' }));
    return sale;
  }

  /**
   * One sale in segments, and one that is over, whose orders have come to each of their ends. Resolves to
   * the latter, which has whatever is copied in the archive, too.
   */
  async function leaveOrders(): Promise<string> {
    const { client } = product;
    const saleId = await client.openSale({ stock: 10 });
    const cancelled = await client.order(saleId, 'ann');
    await client.cancel(cancelled.id, 'ann');
    await client.pay((await client.order(saleId, 'bob')).id, 'bob');
    await client.call('POST', `/admin/v1/sales/${saleId}/close`, { as: admin });
    await client.adjust(saleId, 5);
    await sellInSegments();
    for (const table of archived) {
      await product.get(Database).execute(`INSERT INTO archived_${table} SELECT * FROM ${table}`);
    }
    await letAge(product, saleId);
    await product.get(Database).execute('UPDATE sales SET archived_at = NOW(3) WHERE id = ?', [saleId]);
    return saleId;
  }

  /** Copies the rows that are there, each under keys of its own. */
  async function multiply(table: string): Promise<void> {
    const database = product.get(Database);
    const columns = await database.query<{ name: string }>(
      `SELECT column_name AS name FROM information_schema.columns
        WHERE table_schema = DATABASE() AND table_name = ? AND is_generated = 'NEVER'`, [table]);
    const expressions = columns.map(({ name }) =>
      identities[`${table}.${name}`] ?? identities[name] ?? `${table}.${name}`);
    const [{ rows } = { rows: 1 }] = await database.query<{ rows: number }>(
      `SELECT COUNT(*) AS \`rows\` FROM ${table}`);
    await database.execute(`INSERT IGNORE INTO ${table} (${columns.map(({ name }) => name).join()})
      SELECT ${expressions.join()} FROM ${table}, seq_1_to_${Math.ceil(copies / rows)} numbers`);
    await database.query(`ANALYZE TABLE ${table}`);
  }

  /** All that is done to segments beside their sales. */
  async function workInSegments(): Promise<void> {
    const { client } = product;
    const { id: saleId } = await sellInSegments();
    await client.adjust(saleId, -1);
    await client.reconcile(saleId);
    await client.call('GET', `/admin/v1/sales/${saleId}/report`, { as: admin });
    expect(await client.atRest(saleId)).toMatchObject({ total: 3, lent: 0 });
    await product.get(SegmentKeeper).look();
  }

  /**
   * A sale goes to the archive, is read there, and an order of it comes back; `large`: one that is there
   * and of whose orders a buyer has few.
   */
  async function workInArchive(large: string): Promise<void> {
    const { client } = product;
    const saleId = await client.openSale();
    const { id } = await client.order(saleId, 'bob', { key: 'key-of-bob' });
    await client.pay(id, 'bob');
    await client.atRest(saleId);
    await letAge(product, saleId);
    expect(await archive(product)).toBeGreaterThan(0);
    await client.find(id, 'bob');
    await client.buy(saleId, 'bob', { key: 'key-of-bob' });
    await client.call('GET', `/v1/sales/${large}/me`, { as: 'bob' });
    await client.call('GET', `/admin/v1/sales/${saleId}/report`, { as: admin });
    await client.stock(saleId);
    const origin = { source: 'test', ip: '', traceId: '0'.repeat(32) };
    expect(await product.get(OrderLife).refund(id, origin)).toBe('refunded');
    await archive(product);
    await product.get(RetiredSales).unloadLatest();
  }

  /** All that buyers, operators and schedules do to orders. */
  async function work(over: string): Promise<void> {
    const { client } = product;
    const saleId = await client.openSale({ stock: 10 });
    const expiring = await client.order(await client.openSale({ payWindowSeconds: 5 }), 'eve');
    const cancelled = await client.order(saleId, 'ann');
    await client.cancel(cancelled.id, 'ann');
    await client.pay((await client.order(saleId, 'bob')).id, 'bob');
    await client.call('GET', '/v1/orders', { as: 'bob' });
    await client.call('GET', `/v1/sales/${saleId}/me`, { as: 'bob' });
    await client.call('GET', `/admin/v1/sales/${saleId}/report`, { as: admin });
    await client.adjust(saleId, 5);
    await client.reconcile(saleId);
    await workInSegments();
    await workInArchive(over);
    await until('the unpaid order has expired', async () =>
      (await client.find(expiring.id, 'eve')).body.status === 'expired');
    // Who looks for all that is overdue may have come too late for this one.
    await product.get(OrderLife).expire(saleId);
    for (const statement of scheduled) {
      await until(`${String(statement)} has run`, async () =>
        [...seen().keys()].some((sql) => statement.test(sql)));
    }
  }

  /** Pages of the orders of a sale for which more is read than themselves. */
  async function pagesReadFromTheBeginning(saleId: string): Promise<unknown[]> {
    for (const spy of spies) spy.mockClear();
    const pages = product.get(OrderStore).ofSale(saleId);
    for await (const orders of pages) expect(orders.length).toBeGreaterThan(0);
    const asked = spies.flatMap(({ mock }) => mock.calls).filter(([sql]) => sql.includes('rid > ?'));
    expect(asked.length).toBeGreaterThan(copies / 1_000);
    const plans = await Promise.all(asked.map(async ([sql, parameters]) => {
      const [plan] = await product.get(Database).query<Plan>(`EXPLAIN ${sql}`, parameters);
      return plan;
    }));
    return plans.filter((plan) => plan?.table !== 'orders' || plan.type !== 'range');
  }

  it('find their rows by an index, whoever asks', async () => {
    const over = await leaveOrders();
    for (const table of growing) await multiply(table);
    for (const spy of spies) spy.mockClear();
    await work(over);
    const statements = [...seen()];
    for (const table of [...archived.map((name) => `archived_${name}`), 'segment_loans']) {
      expect(statements.some(([sql]) => sql.includes(table))).toBe(true);
    }
    const scans: unknown[] = [];
    for (const [sql, parameters] of statements) {
      const plans = await product.get(Database).query<Plan>(`EXPLAIN ${sql}`, parameters);
      const scan = plans.find(({ rows }) => (rows ?? 0) > rowsAtMost);
      if (scan) scans.push({ sql, ...scan });
    }
    expect(scans).toEqual([]);
    expect(await pagesReadFromTheBeginning(over)).toEqual([]);
    // Whoever locks rows through another index than others may wait for him while he waits, too.
    expect(statements.map(([sql]) => sql).filter((sql) => locksOrders.test(sql)
      && !sql.includes('FORCE INDEX'))).toEqual([]);
  }, 300_000);
});

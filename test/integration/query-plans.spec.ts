import { Database, Transaction } from '../../src/infra/database';
import { admin } from '../support/client';
import { TestProduct } from '../support/product';
import { until } from '../support/until';

/** Rows of sales that are over: as many as make a scan dearer than an index. */
const copies = 20_000;
/** What an index may have to look at for one statement; tables that stay small are below it. */
const rowsAtMost = 2_000;
const growing = ['orders', 'stock_ledger', 'buyer_quotas', 'audit_log', 'archived_orders'];
/** What tells copies of a row apart. */
const identities: Record<string, string> = {
  user_id: `CONCAT(user_id, '-', numbers.seq)`,
  ...Object.fromEntries(['rid', 'movement_id', 'id'].map((name) => [name,
    `CONCAT(LEFT(${name}, CHAR_LENGTH(${name}) - 6), LPAD(numbers.seq, 6, '0'))`])),
};
/** Statements of the schedules, which come in their own time: the workload waits for them. */
const scheduled = [/status = 'pending_payment'[^]*expires_at|SKIP LOCKED/, /next_check_at/,
  /FROM sale_stock JOIN sales/];

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
    .filter(([sql]) => /^\s*\(?(SELECT|UPDATE|DELETE)/.test(sql))
    .map(([sql, parameters = []]) => [sql, parameters]));

  beforeAll(async () => {
    product = await TestProduct.start();
    spies = [jest.spyOn(Transaction.prototype, 'query'), jest.spyOn(Transaction.prototype, 'execute')];
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await product.stop();
  });

  /** A sale that is over, with an order in each of its ends. */
  async function leaveOrders(): Promise<void> {
    const { client } = product;
    const saleId = await client.openSale({ stock: 10 });
    const cancelled = await client.order(saleId, 'ann');
    await client.cancel(cancelled.id, 'ann');
    await client.pay((await client.order(saleId, 'bob')).id, 'bob');
    await client.call('POST', `/admin/v1/sales/${saleId}/close`, { as: admin });
    await product.get(Database).execute('INSERT INTO archived_orders SELECT * FROM orders');
  }

  /** Copies the rows that are there, each under keys of its own. */
  async function multiply(table: string): Promise<void> {
    const database = product.get(Database);
    const columns = await database.query<{ name: string }>(
      `SELECT column_name AS name FROM information_schema.columns
        WHERE table_schema = DATABASE() AND table_name = ? AND is_generated = 'NEVER'`, [table]);
    const expressions = columns.map(({ name }) => identities[name] ?? `${table}.${name}`);
    const [{ rows } = { rows: 1 }] = await database.query<{ rows: number }>(
      `SELECT COUNT(*) AS \`rows\` FROM ${table}`);
    await database.execute(`INSERT IGNORE INTO ${table} (${columns.map(({ name }) => name).join()})
      SELECT ${expressions.join()} FROM ${table}, seq_1_to_${Math.ceil(copies / rows)} numbers`);
    await database.query(`ANALYZE TABLE ${table}`);
  }

  /** All that buyers, operators and schedules do to orders. */
  async function work(): Promise<void> {
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
    await until('the unpaid order has expired', async () =>
      (await client.find(expiring.id, 'eve')).body.status === 'expired');
    for (const statement of scheduled) {
      await until(`${String(statement)} has run`, async () =>
        [...seen().keys()].some((sql) => statement.test(sql)));
    }
  }

  it('find their rows by an index, whoever asks', async () => {
    await leaveOrders();
    for (const table of growing) await multiply(table);
    for (const spy of spies) spy.mockClear();
    await work();
    const statements = [...seen()];
    expect(statements.length).toBeGreaterThan(20);
    const scans: unknown[] = [];
    for (const [sql, parameters] of statements) {
      const plans = await product.get(Database).query<Plan>(`EXPLAIN ${sql}`, parameters);
      const scan = plans.find(({ rows }) => (rows ?? 0) > rowsAtMost);
      if (scan) scans.push({ sql, ...scan });
    }
    expect(scans).toEqual([]);
  }, 300_000);
});

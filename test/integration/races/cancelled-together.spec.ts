import { Database, type Transaction } from '../../../src/infra/database';
import { OrderLife } from '../../../src/order/order-life';
import { OrderStore } from '../../../src/order/order-store';
import { StockBook } from '../../../src/stock';
import { expectBooksToBalance } from '../../support/books';
import { expectProblem } from '../../support/expect-problem';
import { untilWaiting } from '../../support/lock-waits';
import { TestProduct } from '../../support/product';

const pool = 6;
/** Transactions of a sale and process that cancel at once. */
const workers = 2;

interface Placed { id: string; userId: string }

jest.setTimeout(180_000);

/** All of them change the one row of the sale's stock, and only one transaction can have it. */
describe('many who cancel at the same moment', () => {
  let product: TestProduct;
  let database: Database;

  beforeAll(async () => {
    product = await TestProduct.start({ DATABASE_POOL: String(pool) });
    database = product.get(Database);
  });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => product.stop());

  async function saleWithOrders(count: number): Promise<{ saleId: string; orders: Placed[] }> {
    const saleId = await product.client.openSale({ stock: count, payWindowSeconds: 600 });
    const orders = await Promise.all(Array.from({ length: count }, async (_, index) => {
      const userId = `buyer-${index}`;
      return { userId, id: (await product.client.order(saleId, userId)).id };
    }));
    return { saleId, orders };
  }

  const cancel = ({ id, userId }: Placed) => product.client.cancel(id, userId);
  const cancelInTheEnd = (order: Placed) =>
    product.client.cancelInTheEnd(order.id, order.userId);

  function whileStockIsHeld(saleId: string,
    act: (transaction: Transaction) => Promise<void>): Promise<void> {
    return database.transaction(async (transaction) => {
      await transaction.query('SELECT total FROM sale_stock WHERE sale_id = ? FOR UPDATE', [saleId]);
      await act(transaction);
    });
  }

  it('wait for the stock with two connections, and leave the others to those who look', async () => {
    const { saleId, orders } = await saleWithOrders(pool * 4);
    const releases = jest.spyOn(product.get(StockBook), 'release');
    const { promise: cancelled, resolve } = Promise.withResolvers<{ status: number }[]>();
    await whileStockIsHeld(saleId, async () => {
      resolve(Promise.all(orders.map(cancelInTheEnd)));
      await untilWaiting(database, workers);
      await Promise.all(orders.map(async ({ id, userId }) => {
        expect((await product.client.find(id, userId)).body.status).toBe('pending_payment');
      }));
      expect(releases.mock.calls.length).toBeLessThanOrEqual(workers);
    });
    expect((await cancelled).map(({ status }) => status)).toEqual(orders.map(() => 200));
    expect(releases.mock.calls.length).toBeLessThan(orders.length);
    const traces = await database.query<{ trace_id: string }>(
      "SELECT DISTINCT trace_id FROM stock_ledger WHERE sale_id = ? AND kind = 'release'", [saleId]);
    expect(traces).toHaveLength(orders.length);
    const { stock } = await expectBooksToBalance(product, saleId);
    expect(stock.allocated).toBe(0);
  });

  it('do not wait for one of them whose order somebody else holds', async () => {
    const { saleId, orders: [held, ...others] } = await saleWithOrders(8);
    if (!held) throw new Error('no order');
    const { promise: last, resolve } = Promise.withResolvers<{ status: number }>();
    await database.transaction(async (transaction) => {
      await transaction.query('SELECT rid FROM orders WHERE rid = ? FOR UPDATE', [held.id]);
      resolve(cancelInTheEnd(held));
      await untilWaiting(database, 1);
      for (const answer of await Promise.all([...others, ...others].map(cancelInTheEnd))) {
        expect(answer.body.status).toBe('cancelled');
      }
      expect((await product.client.find(held.id, held.userId)).body.status).toBe('pending_payment');
    });
    expect((await last).status).toBe(200);
    await expectBooksToBalance(product, saleId);
  });

  it('wait with two connections for orders that somebody else holds', async () => {
    const { saleId, orders: [decided, ...orders] } = await saleWithOrders(pool * 2);
    const pending = await product.get(OrderStore).find(decided?.id ?? '', saleId);
    if (!decided || !pending) throw new Error('no order');
    expect((await cancel(decided)).status).toBe(200);
    const { promise: cancelled, resolve } = Promise.withResolvers<{ status: number }[]>();
    await database.transaction(async (transaction) => {
      await transaction.query(
        "SELECT rid FROM orders WHERE sale_id = ? AND status = 'pending_payment' FOR UPDATE", [saleId]);
      resolve(Promise.all(orders.map(cancelInTheEnd)));
      await untilWaiting(database, workers);
      // Who comes second for an order that is decided has nothing to wait for.
      await expect(product.get(OrderLife).cancel(pending, { source: 'test', ip: '', traceId: '' }))
        .resolves.toMatchObject({ status: 'cancelled' });
      await Promise.all(orders.map(async ({ id, userId }) => {
        expect((await product.client.find(id, userId)).body.status).toBe('pending_payment');
      }));
    });
    expect((await cancelled).map(({ status }) => status)).toEqual(orders.map(() => 200));
    await expectBooksToBalance(product, saleId);
  });

  it('are cancelled although the rows of one of them are damaged', async () => {
    const { saleId, orders: [broken, ...others] } = await saleWithOrders(8);
    if (!broken) throw new Error('no order');
    await database.execute('UPDATE buyer_quotas SET quantity = 0 WHERE sale_id = ? AND user_id = ?',
      [saleId, broken.userId]);
    const { promise: answers, resolve } = Promise.withResolvers<{ status: number }[]>();
    await whileStockIsHeld(saleId, async () => {
      const first = others.slice(0, workers).map(cancelInTheEnd);
      await untilWaiting(database, workers);
      resolve(Promise.all([...first, ...[broken, ...others.slice(workers)].map(cancel)]));
      // Of whom it is one, whichever worker takes him along.
      await product.client.find(broken.id, broken.userId);
    });
    expect((await answers).map(({ status }) => status)).toEqual(
      [...others.slice(0, workers).map(() => 200), 500, ...others.slice(workers).map(() => 200)]);
    expect((await product.client.find(broken.id, broken.userId)).body.status).toBe('pending_payment');
  });

  it('are told to come back when the stock is held for too long, and are cancelled then', async () => {
    const { saleId, orders } = await saleWithOrders(workers + 2);
    const { promise: answered, resolve } =
      Promise.withResolvers<Awaited<ReturnType<typeof cancel>>[]>();
    await whileStockIsHeld(saleId, async () => {
      const answers = orders.map(cancel);
      resolve(Promise.all(answers));
      await Promise.race(answers);
    });
    const refused = (await answered).filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThanOrEqual(2);
    for (const answer of refused) expectProblem(answer, 'TEMPORARILY_UNAVAILABLE');
    for (const order of orders) expect((await cancelInTheEnd(order)).status).toBe(200);
    await expectBooksToBalance(product, saleId);
  });
});

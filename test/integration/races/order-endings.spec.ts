import { Database } from '../../../src/infra/database';
import { OrderLife, OrderStore, type Order, type PayOutcome } from '../../../src/order';
import { expectBooksToBalance } from '../../support/books';
import { untilWaiting } from '../../support/lock-waits';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

const cause = { source: 'test', ip: '', traceId: 'a'.repeat(32) };
const orderCount = 30;

jest.setTimeout(180_000);

describe('two that end one order at the same moment', () => {
  let product: TestProduct;
  let database: Database;
  let life: OrderLife;
  let store: OrderStore;

  beforeAll(async () => {
    product = await TestProduct.start();
    database = product.get(Database);
    life = product.get(OrderLife);
    store = product.get(OrderStore);
  });

  afterAll(() => product.stop());

  async function saleWithOrders(count: number): Promise<{ saleId: string; orders: Order[] }> {
    const saleId = await product.client.openSale({ stock: count, payWindowSeconds: 600 });
    const placed = await Promise.all(Array.from({ length: count }, (_, index) =>
      product.client.order(saleId, `buyer-${index}`)));
    return { saleId, orders: await store.findMany(placed.map(({ id }) => id)) };
  }

  /** Holds the row of an order while `act` runs. */
  async function whileHeld(order: Order, act: () => Promise<void>): Promise<void> {
    await database.transaction(async (transaction) => {
      await transaction.query('SELECT rid FROM orders WHERE rid = ? FOR UPDATE', [order.id]);
      await act();
    });
  }

  /**
   * What two come to that both wait for the row of an order. The database gives up who waits for a row
   * for 5 s: after such a stall they wait once more, for that of another order.
   */
  function bothWaiting<Outcomes>(begin: (order: Order) => Promise<Outcomes>,
    prepare: (order: Order) => Promise<void> = async () => undefined) {
    return until('they wait for less than that', async () => {
      const { saleId, orders: [order] } = await saleWithOrders(1);
      if (!order) throw new Error('no order');
      await prepare(order);
      const startedAt = performance.now();
      const { promise: outcomes, resolve } = Promise.withResolvers<Outcomes>();
      const givenUp = Promise.withResolvers<void>();
      outcomes.catch(() => { givenUp.resolve(); });
      await whileHeld(order, async () => {
        resolve(begin(order));
        await Promise.race([untilWaiting(database, 2), givenUp.promise]);
      });
      try {
        return { saleId, outcomes: await outcomes };
      } catch (error) {
        if (performance.now() - startedAt < 4_500) throw error;
        return undefined;
      }
    });
  }

  it('lets one of cancel and pay win each order, and gives units back only for the cancelled',
    async () => {
      const { saleId, orders } = await saleWithOrders(orderCount);
      const results = await Promise.all(orders.map(async (order, index) => {
        const acts = [() => life.pay(order.id), () => life.cancel(order, cause)];
        if (index % 2 === 1) acts.reverse();
        await Promise.all(acts.map((act) => act()));
        return store.find(order.id);
      }));
      const paid = results.filter((order) => order?.status === 'paid').length;
      const cancelled = results.filter((order) => order?.status === 'cancelled').length;
      expect(paid + cancelled).toBe(orderCount);
      const { stock } = await expectBooksToBalance(product, saleId);
      expect(stock.allocated).toBe(paid);
    });

  it('lets one of cancel and pay win when both already wait for the row', async () => {
    const { saleId, outcomes: [paid, cancelled] } = await bothWaiting((order) =>
      Promise.all([life.pay(order.id), life.cancel(order, cause)]));
    expect([['paid', 'paid'], ['too_late', 'cancelled']])
      .toContainEqual([paid.kind, cancelled.status]);
    await expectBooksToBalance(product, saleId);
  });

  it('lets one of pay and expire win when the time to pay ends, never both', async () => {
    const { saleId, orders } = await saleWithOrders(orderCount);
    // The deadlines pass one after the other while both sides try all the time.
    await Promise.all(orders.map(({ id }, index) => database.execute(
      'UPDATE orders SET expires_at = NOW(3) + INTERVAL ? MICROSECOND WHERE rid = ?',
      [(index * 10 + 20) * 1_000, id])));
    const rids = orders.map(({ id }) => id);
    const expiry = until('every order has ended', async () => {
      await life.expire(saleId, rids);
      return (await store.findMany(rids)).every(({ status }) => status !== 'pending_payment');
    }, 45_000);
    const payments = await Promise.all(orders.map(async ({ id }, index) => {
      await until('it is nearly time', async () => {
        const [row] = await database.query<{ isNear: number }>(
          `SELECT expires_at <= NOW(3) + INTERVAL ? MICROSECOND AS isNear
            FROM orders WHERE rid = ?`, [index % 5 * 2_000, id]);
        return row?.isNear;
      });
      return life.pay(id);
    }));
    await expiry;
    const statuses = new Map((await store.findMany(rids)).map(({ id, status }) => [id, status]));
    expect(rids.map((rid) => statuses.get(rid)))
      .toEqual(payments.map(({ kind }) => kind === 'paid' ? 'paid' : 'expired'));
    await expectBooksToBalance(product, saleId);
  });

  /** The time to pay ends while the payment waits for the row. Undefined: it waited for too long. */
  async function payOverDeadline(saleId: string, rid: string): Promise<PayOutcome | undefined> {
    let payment: Promise<PayOutcome | undefined> | undefined;
    await database.transaction(async (transaction) => {
      await transaction.query('SELECT rid FROM orders WHERE rid = ? FOR UPDATE', [rid]);
      payment = life.pay(rid).catch(() => undefined);
      await untilWaiting(database, 1);
      await transaction.execute('UPDATE orders SET expires_at = NOW(3) WHERE rid = ?', [rid]);
      // Expiry passes over a row that somebody holds.
      expect(await life.expire(saleId, [rid])).toBe(0);
    });
    return payment;
  }

  it('keeps a payment that was sent in time when a lock held it up until later', async () => {
    // The database gives up who waits for a row for 5 s: after such a stall it is tried once more.
    const { saleId, rid, outcome } = await until('it waits for less than that', async () => {
      const { saleId: id, orders: [order] } = await saleWithOrders(1);
      if (!order) throw new Error('no order');
      const startedAt = performance.now();
      const paid = await payOverDeadline(id, order.id);
      return performance.now() - startedAt < 4_500 && { saleId: id, rid: order.id, outcome: paid };
    }, 45_000);
    expect(outcome?.kind).toBe('paid');
    expect(await life.expire(saleId, [rid])).toBe(0);
    await expectBooksToBalance(product, saleId);
  });

  it('gives the unit back once when cancel and expiry race for the same order', async () => {
    const { saleId, orders } = await saleWithOrders(orderCount);
    const rids = orders.map(({ id }) => id);
    await database.execute('UPDATE orders SET expires_at = NOW(3) WHERE rid IN (?)', [rids]);
    await Promise.all([
      ...orders.map((order) => life.cancel(order, cause)),
      ...orders.map(({ id }) => life.expire(saleId, [id])),
      life.expire(saleId), life.expire(saleId),
    ]);
    const { orders: ended, ledger, redis } = await expectBooksToBalance(product, saleId);
    expect(ended.filter(({ status }) => status === 'cancelled' || status === 'expired'))
      .toHaveLength(orderCount);
    expect(ledger.filter(({ kind }) => kind === 'release')).toHaveLength(orderCount);
    expect(redis.counters.available).toBe(orderCount);
  });

  it('cancels once when a buyer presses cancel ten times at once', async () => {
    const { saleId, orders: [order] } = await saleWithOrders(1);
    const answers = await Promise.all(Array.from({ length: 10 }, () =>
      product.client.cancel(order?.id ?? '', 'buyer-0')));
    for (const { status, body } of answers) {
      expect([status, body.status]).toEqual([200, 'cancelled']);
    }
    const { ledger } = await expectBooksToBalance(product, saleId);
    expect(ledger.map(({ kind }) => kind).sort()).toEqual(['allocate', 'release', 'stock']);
  });

  it('refunds once when two refunds of one order race', async () => {
    const { saleId, outcomes } = await bothWaiting((order) =>
      Promise.all([life.refund(order.id, cause), life.refund(order.id, cause)]),
    async (order) => { expect((await life.pay(order.id)).kind).toBe('paid'); });
    expect(outcomes.sort()).toEqual(['already_refunded', 'refunded']);
    const { redis } = await expectBooksToBalance(product, saleId);
    expect(redis.counters).toMatchObject({ available: 1, sold: 0 });
  });

  it('gives the unit back when a refund comes before Redis has heard of the payment', async () => {
    const { saleId, orders: [order] } = await saleWithOrders(1);
    // As if the process had died between the row and Redis.
    await database.execute("UPDATE orders SET status = 'paid', paid_at = NOW(3) WHERE rid = ?",
      [order?.id]);
    expect(await life.refund(order?.id ?? '', cause)).toBe('refunded');
    const { redis } = await expectBooksToBalance(product, saleId);
    expect(redis.counters).toMatchObject({ available: 1, ordered: 0, sold: 0 });
  });
});

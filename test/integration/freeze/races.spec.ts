import { Database } from '../../../src/infra/database';
import { OrderLife, OrderStore, type Order } from '../../../src/order';
import { expectBooksToBalance, holdsUnits } from '../../support/books';
import type { TestClient } from '../../support/client';
import { Freezing, reviewer } from '../../support/freezing';
import { TestProduct } from '../../support/product';

const orderCount = 20;

jest.setTimeout(180_000);

describe('a freeze or a thaw, and something else at the same moment', () => {
  let product: TestProduct;
  let freezing: Freezing;
  let client: TestClient;
  let life: OrderLife;

  beforeAll(async () => {
    product = await TestProduct.start();
    freezing = new Freezing(product);
    ({ client } = product);
    life = product.get(OrderLife);
  });
  afterAll(() => product.stop());

  /** A sale of which one buyer has every unit, one an order. */
  async function saleOf(userId: string, stock = orderCount) {
    const saleId = await client.openSale({ stock, limitPerUser: orderCount, payWindowSeconds: 600 });
    const placed = await Promise.all(Array.from({ length: stock }, () =>
      client.order(saleId, userId)));
    return { saleId, rids: placed.map(({ id }) => id) };
  }

  const freeze = (userId: string) => freezing.freeze.freeze(userId, reviewer);
  const thaw = (rids: readonly string[]) => freezing.freeze.thaw(rids, reviewer);

  async function expectOnly(saleId: string, ...statuses: Order['status'][]) {
    const books = await expectBooksToBalance(product, saleId);
    expect(books.orders.filter(({ status }) => !statuses.includes(status))).toEqual([]);
    return books;
  }

  const idsOf = (orders: readonly Order[]) => orders.map(({ id }) => id).sort();

  it('freeze and pay: each order is paid or frozen, and the payment is told which', async () => {
    const { saleId, rids } = await saleOf('ann');
    const [frozen, ...payments] = await Promise.all([
      freeze('ann'), ...rids.map((rid) => life.pay(rid))]);
    const { orders } = await expectOnly(saleId, 'paid', 'frozen');
    expect(idsOf(orders.filter(({ status }) => status === 'frozen'))).toEqual(idsOf(frozen));
    const statuses = new Map(orders.map(({ id, status }) => [id, status]));
    expect(payments.map(({ kind }) => kind === 'paid' ? 'paid' : 'frozen'))
      .toEqual(rids.map((rid) => statuses.get(rid)));
  });

  it('freeze and expire: each order has expired or is frozen, its units came back once', async () => {
    const { saleId, rids } = await saleOf('bob');
    await product.get(Database).execute(
      'UPDATE orders SET expires_at = NOW(3) WHERE rid IN (?)', [rids]);
    await Promise.all([freeze('bob'), life.expire(saleId),
      ...rids.map((rid) => life.expire(saleId, [rid]))]);
    const { redis, ledger } = await expectOnly(saleId, 'expired', 'frozen');
    expect(redis.counters.available).toBe(orderCount);
    expect(ledger.filter(({ kind }) => kind === 'release')).toHaveLength(orderCount);
  });

  it('freeze and cancel: every order ends cancelled, its units came back once', async () => {
    const { saleId, rids } = await saleOf('cyd');
    const [, ...answers] = await Promise.all([freeze('cyd'), ...rids.map((rid) =>
      client.cancel(rid, 'cyd'))]);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    const { ledger } = await expectOnly(saleId, 'cancelled');
    expect(ledger.filter(({ kind }) => kind === 'release')).toHaveLength(orderCount);
  });

  it('freeze and freeze: both are told the same orders, whose units came back once', async () => {
    const { saleId, rids } = await saleOf('dan');
    const both = await Promise.all([freeze('dan'), freeze('dan'), freeze('dan')]);
    for (const frozen of both) expect(idsOf(frozen)).toEqual([...rids].sort());
    const { ledger } = await expectOnly(saleId, 'frozen');
    expect(ledger.filter(({ kind }) => kind === 'release')).toHaveLength(orderCount);
  });

  it('freeze and buy: no order of his is left that waits, once what was on its way is frozen',
    async () => {
      const saleId = await client.openSale({ stock: orderCount, limitPerUser: orderCount });
      await Promise.all(Array.from({ length: orderCount }, async (_, index) => {
        await client.buy(saleId, 'eva');
        if (index % 5 === 0) await freeze('eva');
      }));
      await client.atRest(saleId);
      await freeze('eva');
      await expectOnly(saleId, 'frozen');
    });

  it('thaw and the last units bought by others: never more than there are, nobody is lost',
    async () => {
      const { saleId } = await saleOf('fay');
      const rids = idsOf(await freeze('fay'));
      const [result, ...answers] = await Promise.all([thaw(rids), ...rids.map((_rid, index) =>
        client.buy(saleId, `buyer-${index}`))]);
      const sold = answers.filter(({ status }) => status === 202).length;
      const { orders, stock } = await expectOnly(saleId, 'pending_payment', 'cancelled');
      expect(idsOf([...result.thawed, ...result.refused])).toEqual(rids);
      expect(result.refused.map(({ reason }) => reason))
        .toEqual(result.refused.map(() => 'UNITS_GONE'));
      expect(orders.filter(({ status }) => holdsUnits(status)))
        .toHaveLength(result.thawed.length + sold);
      expect([stock.allocated, stock.total]).toEqual([orderCount, orderCount]);
    });

  it('thaw and thaw: each order takes its units again once, all are told of all', async () => {
    const { saleId } = await saleOf('guy');
    const rids = idsOf(await freeze('guy'));
    const results = await Promise.all([thaw(rids), thaw([...rids].reverse()), thaw(rids)]);
    for (const { thawed, refused } of results) {
      expect([idsOf(thawed), refused]).toEqual([rids, []]);
    }
    const { ledger } = await expectOnly(saleId, 'pending_payment');
    expect(ledger.filter(({ kind }) => kind === 'allocate')).toHaveLength(2 * orderCount);
  });

  it('thaw and a ban: each order waits for payment or is cancelled, and keeps no unit then',
    async () => {
      const { saleId } = await saleOf('hal');
      const rids = idsOf(await freeze('hal'));
      const [{ thawed, refused }, cancelled] = await Promise.all([thaw(rids),
        freezing.freeze.cancelFrozen(rids.slice(5), 'BANNED', reviewer)]);
      expect(idsOf(refused)).toEqual(idsOf(cancelled));
      const { stock } = await expectOnly(saleId, 'pending_payment', 'cancelled');
      expect(stock.allocated).toBe(thawed.length);
    });

  it('thaw and the buyer buys: he never has more than his limit', async () => {
    const { saleId } = await saleOf('ida', 10);
    await client.adjust(saleId, 30);
    const rids = idsOf(await freeze('ida'));
    await Promise.all([thaw(rids), ...Array.from({ length: orderCount }, () =>
      client.buy(saleId, 'ida'))]);
    const { stock } = await expectOnly(saleId, 'pending_payment', 'cancelled');
    expect(stock.allocated).toBe(orderCount);
  });

  it('thaw and freeze, again and again by several: units go and come with each hold', async () => {
    const { saleId, rids } = await saleOf('jan', 4);
    const several = Array.from({ length: 3 }, async () => {
      for (let round = 0; round < 8; round += 1) {
        await freeze('jan');
        await thaw(rids);
      }
    });
    await Promise.all(several);
    await thaw(rids);
    await expectOnly(saleId, 'pending_payment');
    const orders = await product.get(OrderStore).findMany(rids);
    for (const { id, holds } of orders) {
      expect(holds).toBeGreaterThan(8);
      const movements = await freezing.movements(id);
      expect(movements.filter((movement) => movement.startsWith('allocate')).length
        - movements.filter((movement) => movement.startsWith('release')).length).toBe(1);
    }
  });
});

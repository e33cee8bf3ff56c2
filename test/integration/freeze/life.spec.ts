import { Database } from '../../../src/infra/database';
import { TemporarilyUnavailable } from '../../../src/kernel';
import { OrderFollowup, OrderLife, type Order } from '../../../src/order';
import { OverdueOrders } from '../../../src/order/overdue-orders';
import { SaleCatalog } from '../../../src/sale';
import { StockLedger } from '../../../src/stock';
import { expectBooksToBalance } from '../../support/books';
import type { TestClient } from '../../support/client';
import { Freezing, reviewer } from '../../support/freezing';
import { TestProduct } from '../../support/product';

jest.setTimeout(180_000);

describe('the orders of a buyer under review', () => {
  let product: TestProduct;
  let freezing: Freezing;
  let client: TestClient;

  beforeAll(async () => {
    product = await TestProduct.start();
    ({ client } = product);
    freezing = new Freezing(product);
  });
  afterAll(() => product.stop());

  it('are frozen over all sales; paid ones and those of others stay, and the units go on sale',
    async () => {
      const [one, two] = [await client.openSale({ limitPerUser: 3 }), await client.openSale()];
      const first = await client.order(one, 'ann');
      const paid = await client.order(one, 'ann');
      await client.pay(paid.id, 'ann');
      const second = await client.order(two, 'ann');
      const other = await client.order(one, 'bob');
      expect(await freezing.idsFrozen('ann')).toEqual([first.id, second.id]);
      expect((await client.find(first.id, 'ann')).body).toMatchObject({ status: 'frozen' });
      for (const [id, status] of [[paid.id, 'paid'], [other.id, 'pending_payment']] as const) {
        expect((await freezing.row(id)).status).toBe(status);
      }
      expect(await freezing.movements(first.id)).toEqual(['allocate:rid', 'release:rid']);
      const books = await expectBooksToBalance(product, one);
      expect([books.stock.allocated, books.redis.counters.available, books.redis.users])
        .toEqual([2, 8, { ann: 1, bob: 1 }]);
      await expectBooksToBalance(product, two);
      // The same again, for whoever does not know how far an earlier call came.
      expect(await freezing.idsFrozen('ann')).toEqual([first.id, second.id]);
    });

  it('cannot be paid while they are frozen, and no time passes for them', async () => {
    const saleId = await client.openSale();
    const { id } = await client.order(saleId, 'cyd');
    await freezing.idsFrozen('cyd');
    const { status, body } = await client.startPayment(id, 'cyd');
    expect([status, body.code]).toEqual([409, 'ORDER_STATE_CONFLICT']);
    expect(body.detail).toContain('under review');
    expect(await product.get(OrderLife).pay(id)).toMatchObject({ kind: 'too_late' });
    await product.get(Database).execute(
      'UPDATE orders SET expires_at = NOW(3) - INTERVAL 1 DAY WHERE rid = ?', [id]);
    expect(await product.get(OrderLife).expire(saleId, [id])).toBe(0);
    await product.get(OverdueOrders).expireAll();
    expect((await freezing.row(id)).status).toBe('frozen');
    await expectBooksToBalance(product, saleId);
  });

  it('can be given up by the buyer, which moves no unit', async () => {
    const saleId = await client.openSale();
    const { id } = await client.order(saleId, 'dan', { key: 'key-of-dan' });
    await freezing.idsFrozen('dan');
    const { status, body } = await client.cancel(id, 'dan');
    expect([status, body.status, body.reason]).toEqual([200, 'cancelled', 'CANCELLED_IN_REVIEW']);
    expect((await client.cancel(id, 'dan')).status).toBe(200);
    expect((await client.buy(saleId, 'dan', { key: 'key-of-dan' })).body)
      .toMatchObject({ id, status: 'cancelled' });
    expect(await freezing.movements(id)).toEqual(['allocate:rid', 'release:rid']);
    const { redis } = await expectBooksToBalance(product, saleId);
    expect(redis.counters.available).toBe(10);
    expect(await freezing.freeze.thaw([id], reviewer))
      .toMatchObject({ thawed: [], refused: [{ id, reason: 'CANCELLED_IN_REVIEW' }] });
  });

  it('wait for payment again when thawed, with a whole new time to pay, as often as it takes',
    async () => {
      const saleId = await client.openSale({ payWindowSeconds: 600 });
      const { id } = await client.order(saleId, 'eva');
      for (const hold of [2, 3]) {
        await freezing.idsFrozen('eva');
        await product.get(Database).execute(
          'UPDATE orders SET expires_at = NOW(3) - INTERVAL 1 DAY WHERE rid = ?', [id]);
        expect(await freezing.freeze.thaw([id], reviewer))
          .toMatchObject({ thawed: [{ id, status: 'pending_payment' }], refused: [] });
        const { expiresAt } = await freezing.row(id);
        expect(Math.abs(expiresAt.getTime() - Date.now() - 600_000)).toBeLessThan(30_000);
        expect(await freezing.holds(saleId, id)).toEqual(
          { row: `pending_payment ${hold}`, record: `pending_payment ${hold}` });
        const { redis } = await expectBooksToBalance(product, saleId);
        expect([redis.counters.available, redis.users]).toEqual([9, { eva: 1 }]);
      }
      expect(await freezing.movements(id)).toEqual(['allocate:rid', 'allocate:rid:2',
        'allocate:rid:3', 'release:rid', 'release:rid:2']);
      await client.pay(id, 'eva');
      await client.inStatus(id, 'eva', 'paid');
      expect((await expectBooksToBalance(product, saleId)).redis.counters.sold).toBe(1);
    });

  it('are thawed in one sale while another is being recovered', async () => {
    const [one, two] = [await client.openSale(), await client.openSale()];
    const orders = [await client.order(one, 'flo'), await client.order(two, 'flo')];
    const ids = await freezing.idsFrozen('flo');
    const statuses = () => Promise.all(orders.map(async ({ id }) => (await freezing.row(id)).status));
    jest.spyOn(product.get(StockLedger), 'retake')
      .mockRejectedValueOnce(new TemporarilyUnavailable('The sale is being recovered.'));
    await expect(freezing.freeze.thaw(ids, reviewer)).rejects.toThrow('being recovered');
    expect(await statuses()).toEqual(['frozen', 'pending_payment']);
    await freezing.freeze.thaw(ids, reviewer);
    expect(await statuses()).toEqual(['pending_payment', 'pending_payment']);
  });

  it('expire like any other once they are thawed, and release the hold that they have', async () => {
    const saleId = await client.openSale();
    const { id } = await client.order(saleId, 'fay');
    await freezing.freeze.thaw(await freezing.idsFrozen('fay'), reviewer);
    await product.get(Database).execute('UPDATE orders SET expires_at = NOW(3) WHERE rid = ?', [id]);
    await product.get(OrderLife).expire(saleId, [id]);
    await client.inStatus(id, 'fay', 'expired');
    expect(await freezing.movements(id))
      .toEqual(['allocate:rid', 'allocate:rid:2', 'release:rid', 'release:rid:2']);
    expect((await expectBooksToBalance(product, saleId)).redis.counters.available).toBe(10);
  });

  it('are refused kindly when somebody else has the units now', async () => {
    const saleId = await client.openSale({ stock: 1 });
    const { id } = await client.order(saleId, 'guy');
    await freezing.idsFrozen('guy');
    await client.order(saleId, 'bob');
    expect(await freezing.freeze.thaw([id], reviewer)).toMatchObject(
      { thawed: [], refused: [{ id, status: 'cancelled', reason: 'UNITS_GONE' }] });
    expect(await freezing.movements(id)).toEqual(['allocate:rid', 'release:rid']);
    await expectBooksToBalance(product, saleId);
  });

  it('are refused kindly when the buyer has bought up to his limit since', async () => {
    const saleId = await client.openSale();
    const { id } = await client.order(saleId, 'hal');
    await freezing.idsFrozen('hal');
    await client.order(saleId, 'hal');
    expect(await freezing.freeze.thaw([id], reviewer))
      .toMatchObject({ thawed: [], refused: [{ id, reason: 'LIMIT_EXCEEDED' }] });
    await expectBooksToBalance(product, saleId);
  });

  it('are refused kindly by the database, too: what Redis holds for them goes back', async () => {
    const saleId = await client.openSale();
    const { id } = await client.order(saleId, 'ida');
    await freezing.idsFrozen('ida');
    // The database knows of units that Redis has forgotten.
    await product.get(Database).execute(
      'UPDATE buyer_quotas SET quantity = 1 WHERE sale_id = ? AND user_id = ?', [saleId, 'ida']);
    expect(await freezing.freeze.thaw([id], reviewer))
      .toMatchObject({ refused: [{ id, reason: 'LIMIT_EXCEEDED' }] });
    await product.get(Database).execute(
      'UPDATE buyer_quotas SET quantity = 0 WHERE sale_id = ? AND user_id = ?', [saleId, 'ida']);
    const { redis } = await expectBooksToBalance(product, saleId);
    expect(redis.counters).toMatchObject({ available: 10, reserved: 0 });
  });

  it.each(['pause', 'close'] as const)('are thawed in a sale after its %s: the buyer came in time',
    async (operation) => {
      const saleId = await client.openSale();
      const { id } = await client.order(saleId, `jan-${operation}`);
      await freezing.idsFrozen(`jan-${operation}`);
      await client.operate(saleId, operation);
      expect(await freezing.freeze.thaw([id], reviewer)).toMatchObject({ thawed: [{ id }] });
      await expectBooksToBalance(product, saleId);
    });

  it('are refused kindly when their sale is retired, whatever Redis still has of it', async () => {
    const saleId = await client.openSale();
    const { id } = await client.order(saleId, 'kim');
    await freezing.idsFrozen('kim');
    await product.get(Database).execute('UPDATE sales SET retired_at = NOW(3) WHERE id = ?',
      [saleId]);
    await product.get(SaleCatalog).announce(saleId);
    expect(await freezing.freeze.thaw([id], reviewer))
      .toMatchObject({ refused: [{ id, reason: 'UNITS_GONE' }] });
  });

  it('are cancelled by a ban, once and for good', async () => {
    const saleId = await client.openSale();
    const { id } = await client.order(saleId, 'lou');
    const rids = await freezing.idsFrozen('lou');
    for (const reason of ['BANNED', 'BANNED_AGAIN']) {
      expect(await freezing.freeze.cancelFrozen(rids, reason, reviewer))
        .toMatchObject([{ id, status: 'cancelled', reason: 'BANNED' }]);
    }
    expect(await freezing.holds(saleId, id)).toEqual({ row: 'cancelled 1', record: 'cancelled 1' });
    expect(await freezing.freeze.thaw(rids, reviewer)).toMatchObject({ refused: [{ id }] });
    await expectBooksToBalance(product, saleId);
  });

  it('are told to every listener, though one throws and though Redis cannot be told', async () => {
    const saleId = await client.openSale();
    const { id } = await client.order(saleId, 'mia');
    const heard: [string, string][] = [];
    const followup = product.get(OrderFollowup);
    followup.onDecided(() => { throw new Error('a listener that fails'); });
    followup.onDecided((orders: readonly Order[]) => {
      heard.push(...orders.filter((order) => order.id === id)
        .map(({ status, userId }): [string, string] => [status, userId]));
    });
    const release = jest.spyOn(product.get(StockLedger), 'release')
      .mockRejectedValue(new Error('Redis is away'));
    await freezing.idsFrozen('mia');
    expect(heard).toContainEqual(['frozen', 'mia']);
    // Redis still holds the unit, which is the safe side, until somebody asks again.
    expect((await freezing.holds(saleId, id)).record).toBe('pending_payment 1');
    release.mockRestore();
    await freezing.idsFrozen('mia');
    await expectBooksToBalance(product, saleId);
  });
});

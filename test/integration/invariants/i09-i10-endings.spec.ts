import { Database } from '../../../src/infra/database';
import { RedisConnections } from '../../../src/infra/redis';
import { LeaseSweep, OrderLife, OrderStore } from '../../../src/order';
import { requeuesAtMost } from '../../../src/order/lease-sweep';
import { SaleCatalog } from '../../../src/sale';
import { saleKeys, StockLedger, StockReader } from '../../../src/stock';
import { expectBooksToBalance } from '../../support/books';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { until } from '../../support/until';

const cause = { source: 'test', ip: '', traceId: 'a'.repeat(32) };

jest.setTimeout(240_000);

describe('the end of an order', () => {
  let installation: Installation;
  let product: TestProduct;

  beforeAll(async () => {
    installation = await createInstallation();
    product = await TestProduct.start({}, installation);
  });

  afterAll(async () => {
    await product.stop();
    await installation.drop();
  });

  const available = async (saleId: string) =>
    (await product.get(StockReader).audit(saleId)).available;

  it('I9: gives the unit back only once the row is final, however long that takes', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    const { id } = await product.client.order(saleId, 'ann');
    let cancelled: Promise<{ status: number }> | undefined;
    await product.get(Database).transaction(async (transaction) => {
      await transaction.query('SELECT rid FROM orders WHERE rid = ? FOR UPDATE', [id]);
      cancelled = product.client.cancel(id, 'ann');
      for (let look = 0; look < 20; look += 1) {
        expect(await available(saleId)).toBe(0);
        expect((await product.client.buy(saleId, 'bob')).body.code).toBe('SOLD_OUT');
      }
    });
    expect((await cancelled)?.status).toBe(200);
    expect(await available(saleId)).toBe(1);
    await expectBooksToBalance(product, saleId);
  });

  it.each([
    ['writes the order itself in the end', 1, { status: 'pending_payment' }, 0],
    ['gives the unit back once the database has refused it', 0, { reason: 'SOLD_OUT' }, 1],
  ])('I9: takes a lease that ran out for a question, asks often, and %s',
    async (_, total, row, availableAfter) => {
      const alone = await createInstallation();
      const api = await TestProduct.start({ ROLES: 'api' }, alone);
      try {
        await sweepUntilDecided(api, { total, row, availableAfter });
      } finally {
        await api.stop();
        await alone.drop();
      }
    });

  /** In a process where nothing but this test carries a reservation on. */
  async function sweepUntilDecided(api: TestProduct,
    { total, row, availableAfter }: { total: number; row: object; availableAfter: number }) {
    const saleId = await api.client.openSale({ stock: 1 });
    const { body: { id } } = await api.client.buy(saleId, 'ann');
    await api.get(Database).execute('UPDATE sale_stock SET total = ? WHERE sale_id = ?',
      [total, saleId]);
    const sale = await api.get(SaleCatalog).find(saleId);
    if (!sale) throw new Error(`The sale ${saleId} is not there`);
    const { due } = saleKeys(api.config.redisNamespace, saleId);
    const reader = api.get(StockReader);
    for (let sweep = 0; sweep <= requeuesAtMost; sweep += 1) {
      expect(await reader.audit(saleId)).toMatchObject(
        { available: 0, reserved: 1, outbox: 1 + sweep });
      expect(await api.get(OrderStore).find(id)).toBeUndefined();
      await api.get(RedisConnections).general.zadd(due, 1, id);
      await api.get(LeaseSweep).sweep(sale);
    }
    expect(await api.get(OrderStore).find(id)).toMatchObject(row);
    expect(await reader.audit(saleId)).toMatchObject({ available: availableAfter, reserved: 0 });
  }

  it.each(['cancelled', 'expired'] as const)(
    'I10: never pays an order that is %s, and never releases one that is paid', async (end) => {
      const saleId = await product.client.openSale({ stock: 2 });
      const life = product.get(OrderLife);
      const store = product.get(OrderStore);
      const released = await product.client.order(saleId, 'ann');
      const paid = await product.client.order(saleId, 'bob');
      const rows = await store.findMany([released.id, paid.id]);
      const finish = async (rid: string) => {
        const row = rows.find(({ id }) => id === rid);
        if (end === 'cancelled' && row) return life.cancel(row, cause);
        await product.get(Database).execute(
          'UPDATE orders SET expires_at = NOW(3) WHERE rid = ?', [rid]);
        return life.expire(saleId, [rid]);
      };
      await finish(released.id);
      expect(await life.pay(released.id)).toMatchObject({ kind: 'too_late' });
      expect((await store.find(released.id))?.status).toBe(end);
      expect(await life.pay(paid.id)).toEqual({ kind: 'paid' });
      await finish(paid.id);
      expect((await store.find(paid.id))?.status).toBe('paid');
      const { redis } = await expectBooksToBalance(product, saleId);
      expect(redis.counters).toMatchObject({ available: 1, ordered: 0, sold: 1 });
    });

  it('I10: a release that comes late for a paid order gives nothing back in Redis', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    const { id } = await product.client.order(saleId, 'ann');
    await product.client.pay(id, 'ann');
    const ledger = product.get(StockLedger);
    for (const status of ['cancelled', 'expired', 'rejected', 'frozen'] as const) {
      expect(await ledger.release(saleId, [{ rid: id, status }])).toBe(0);
    }
    await expectBooksToBalance(product, saleId);
  });

  it('I10: nothing is refunded that was not paid, and no unit moves', async () => {
    const saleId = await product.client.openSale({ stock: 2 });
    const waiting = await product.client.order(saleId, 'ann');
    const cancelled = await product.client.order(saleId, 'bob');
    await product.client.cancel(cancelled.id, 'bob');
    for (const { id } of [waiting, cancelled]) {
      expect(await product.get(OrderLife).refund(id, cause)).toBe('conflict');
    }
    expect((await product.client.find(waiting.id, 'ann')).body.status).toBe('pending_payment');
    await expectBooksToBalance(product, saleId);
  });

  it('I10: late money never makes the expired order paid: it pays another one', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    const { id } = await product.client.order(saleId, 'ann');
    const { body: payment } = await product.client.startPayment(id, 'ann');
    await product.get(Database).execute(
      'UPDATE orders SET expires_at = NOW(3) WHERE rid = ?', [id]);
    await product.client.inStatus(id, 'ann', 'expired');
    await product.client.report('payment.succeeded',
      { orderId: id, paymentId: payment.paymentId, ...payment.amount });
    expect((await product.client.find(id, 'ann')).body.status).toBe('expired');
    // When the row of the other order takes long, a schedule comes back to it.
    await until('another one is paid', async () => {
      const rows = await product.get(Database).query(
        "SELECT rid FROM orders WHERE sale_id = ? AND status = 'paid'", [saleId]);
      return rows.length > 0;
    }, 90_000);
    const { stock, orders } = await expectBooksToBalance(product, saleId);
    expect(stock.allocated).toBe(1);
    expect(orders.map(({ status }) => status).sort()).toEqual(['expired', 'paid']);
  });
});

import { Database } from '../../src/infra/database';
import { OrderFollowup, OrderLife, OrderStore, OrderWriter, toOutboxEntry, type Order }
  from '../../src/order';
import { Doubts, Recovery } from '../../src/reconciliation';
import { SaleStore } from '../../src/sale';
import { SaleEpochs, StockReader, StockRedis, type OutboxEntry } from '../../src/stock';
import { admin } from '../support/client';
import { expectProblem } from '../support/expect-problem';
import { TestProduct } from '../support/product';

type Decision = 'write_again' | 'forget';

/** The database is restored from a dump while Redis has lived on. Nothing runs but what a test does. */
describe('a database older than Redis', () => {
  let product: TestProduct;
  let doubts: Doubts;
  let recovery: Recovery;

  beforeAll(async () => {
    product = await TestProduct.start({ ROLES: 'api' });
    doubts = product.get(Doubts);
    recovery = product.get(Recovery);
  });

  afterAll(async () => { await product.stop(); });

  async function heldOf(saleId: string): Promise<OutboxEntry[]> {
    const entries: OutboxEntry[] = [];
    for await (const page of product.get(StockReader).scan(saleId)) {
      entries.push(...page.filter(({ status }) => status === 'reserved').map(toOutboxEntry));
    }
    return entries;
  }

  /** Does the worker's part with what is held. */
  async function write(saleId: string, entries: OutboxEntry[]): Promise<Order[]> {
    const sale = await product.get(SaleStore).find(saleId);
    if (!sale) throw new Error(`There is no sale ${saleId}`);
    const orders = await product.get(OrderWriter).write(sale, entries);
    await product.get(OrderFollowup).apply(saleId, orders);
    return orders;
  }

  function buy(saleId: string, userId: string) {
    return product.client.buy(saleId, userId, { key: `key-of-${userId}` });
  }

  async function order(saleId: string, userId: string): Promise<string> {
    const { body } = await buy(saleId, userId);
    await write(saleId, await heldOf(saleId));
    return body.id;
  }

  async function paid(saleId: string, userId: string): Promise<string> {
    const id = await order(saleId, userId);
    expect(await product.get(OrderLife).pay(id)).toEqual({ kind: 'paid' });
    return id;
  }

  /** As if the dump had been made before these orders of one unit each. */
  async function loseRows(saleId: string, rids: string[]): Promise<void> {
    const database = product.get(Database);
    await database.execute('DELETE FROM stock_ledger WHERE rid IN (?)', [rids]);
    await database.execute('UPDATE sale_stock SET allocated = allocated - ? WHERE sale_id = ?',
      [rids.length, saleId]);
    await database.execute(`DELETE FROM buyer_quotas WHERE sale_id = ? AND user_id IN (
      SELECT user_id FROM orders WHERE rid IN (?))`, [saleId, rids]);
    await database.execute('DELETE FROM orders WHERE rid IN (?)', [rids]);
  }

  function loseEpochs(saleId: string): Promise<unknown> {
    return product.get(StockRedis).connections.general
      .hset(product.get(StockRedis).keys(saleId).meta, 'epoch', 7);
  }

  const path = (saleId: string) => `/admin/v1/sales/${saleId}/lost-orders`;

  async function lostOf(saleId: string) {
    const { body } = await product.client.call<{ items: { userId: string }[] }>('GET', path(saleId),
      { as: admin });
    return body.items.sort((a, b) => (a.userId < b.userId ? -1 : 1));
  }

  function decide(saleId: string, decision: Decision) {
    return product.client.call('POST', path(saleId), { as: admin, body: { decision } });
  }

  async function replay(saleId: string, userId: string) {
    const { status, body } = await buy(saleId, userId);
    return [status, body.id, body.status];
  }

  /** A sale whose database knows of neither the pending order of ann nor the paid one of bob. */
  async function saleWithLosses() {
    const saleId = await product.client.openSale();
    const ids = { ann: await order(saleId, 'ann'), bob: await paid(saleId, 'bob'),
      cyd: await order(saleId, 'cyd') };
    await loseRows(saleId, [ids.ann, ids.bob]);
    await expect(recovery.recover(saleId, 'drift')).rejects.toThrow('lacks 2 orders');
    return { saleId, ids };
  }

  it('opens no sale of which orders are lost, and says which they are', async () => {
    const { saleId, ids } = await saleWithLosses();
    expectProblem(await buy(saleId, 'dan'), 'TEMPORARILY_UNAVAILABLE');
    await expect(recovery.recover(saleId)).rejects.toThrow('lacks 2 orders');
    expectProblem(await product.client.operate(saleId, 'preload'), 'SALE_STATE_CONFLICT');
    expectProblem(await buy(saleId, 'dan'), 'TEMPORARILY_UNAVAILABLE');
    expect(await lostOf(saleId)).toEqual([
      { orderId: ids.ann, userId: 'ann', quantity: 1, was: 'pending_payment', is: null },
      { orderId: ids.bob, userId: 'bob', quantity: 1, was: 'paid', is: null }]);
  });

  it('sells units of lost orders on no side, also when the database was the gate', async () => {
    const saleId = await product.client.openSale({ stock: 1, redisOutage: 'database' });
    const id = await order(saleId, 'ann');
    await loseRows(saleId, [id]);
    await product.get(Database).execute(
      "UPDATE sale_stock SET gate = 'database', epoch = epoch + 1 WHERE sale_id = ?", [saleId]);
    expect(await product.get(SaleEpochs).now(saleId)).toMatchObject({ gate: 'database' });
    await expect(recovery.recover(saleId, 'redis is back')).rejects.toThrow('lacks 1 orders');
    expectProblem(await buy(saleId, 'bob'), 'TEMPORARILY_UNAVAILABLE');
    expect(await product.get(SaleEpochs).now(saleId)).toMatchObject({ gate: 'closed' });
    expect((await decide(saleId, 'write_again')).body).toMatchObject({ lost: 1, writtenAgain: 1 });
    expect(await replay(saleId, 'ann')).toEqual([200, id, 'pending_payment']);
    expectProblem(await buy(saleId, 'bob'), 'SOLD_OUT');
  });

  it('writes them again when the operator says so, and sells exactly the rest', async () => {
    const { saleId, ids } = await saleWithLosses();
    expect((await decide(saleId, 'write_again')).body)
      .toEqual({ saleId, decision: 'write_again', lost: 2, writtenAgain: 2 });
    expect(await replay(saleId, 'ann')).toEqual([200, ids.ann, 'pending_payment']);
    expect(await replay(saleId, 'bob')).toEqual([200, ids.bob, 'paid']);
    expect(await product.client.stock(saleId)).toMatchObject({ drift: 0, consistent: true,
      redis: { available: 7, ordered: 2, sold: 1 }, database: { pendingPayment: 2, paid: 1 } });
    const { body } = await product.client.call<{ items: { action: string; detail: object }[] }>(
      'GET', `/admin/v1/audit?subjectId=${saleId}`, { as: admin });
    expect(body.items[0]).toMatchObject({ action: 'sale.lost-orders',
      detail: { decision: 'write_again' } });
    expect(await lostOf(saleId)).toEqual([]);
    expectProblem(await decide(saleId, 'forget'), 'SALE_STATE_CONFLICT');
  });

  it('forgets them when the operator says so: their buyers buy anew', async () => {
    const { saleId, ids } = await saleWithLosses();
    expect((await decide(saleId, 'forget')).body)
      .toEqual({ saleId, decision: 'forget', lost: 2, writtenAgain: 0 });
    expect(await product.client.stock(saleId)).toMatchObject({ drift: 0, redis: { available: 9 } });
    expect(await replay(saleId, 'ann')).toEqual([202, ids.ann, 'reserved']);
    expect(await replay(saleId, 'cyd')).toEqual([200, ids.cyd, 'pending_payment']);
  });

  it('writes none again for which there is no unit: it says how many', async () => {
    const { saleId } = await saleWithLosses();
    await product.get(Database).execute(
      'UPDATE sale_stock SET total = 2 WHERE sale_id = ?', [saleId]);
    expect((await decide(saleId, 'write_again')).body).toMatchObject({ lost: 2, writtenAgain: 1 });
    expect((await product.client.stock(saleId)).database.allocated).toBe(2);
  });

  it('notices a lost payment, which moves no unit, when it reconciles', async () => {
    const saleId = await product.client.openSale();
    const id = await paid(saleId, 'ann');
    await product.get(Database).execute(
      "UPDATE orders SET status = 'pending_payment', paid_at = NULL WHERE rid = ?", [id]);
    expectProblem(await product.client.reconcile(saleId), 'SALE_STATE_CONFLICT');
    expect(await lostOf(saleId)).toMatchObject([{ was: 'paid', is: 'pending_payment' }]);
    expect((await decide(saleId, 'write_again')).body).toMatchObject({ lost: 1, writtenAgain: 1 });
    expect(await replay(saleId, 'ann')).toEqual([200, id, 'paid']);
  });

  it('of an older epoch, with nothing lost: it goes on by itself, above both epochs', async () => {
    const saleId = await product.client.openSale();
    const id = await order(saleId, 'ann');
    await loseEpochs(saleId);
    expect(await doubts.about(saleId)).toBe('database_older');
    await recovery.recover(saleId);
    expect(await doubts.about(saleId)).toBeUndefined();
    expect((await product.get(StockReader).audit(saleId)).epoch).toBe(8);
    expect(await replay(saleId, 'ann')).toEqual([200, id, 'pending_payment']);
    expect((await buy(saleId, 'bob')).status).toBe(202);
  });

  it('refuses nothing that was held under a newer epoch: it becomes an order', async () => {
    const saleId = await product.client.openSale();
    const { body } = await buy(saleId, 'ann');
    const held = (await heldOf(saleId)).map((entry) => ({ ...entry, epoch: 7 }));
    await expect(write(saleId, held)).rejects.toThrow('The database is older');
    expect(await product.get(OrderStore).find(body.id)).toBeUndefined();
    await loseEpochs(saleId);
    await recovery.recover(saleId);
    expect(await replay(saleId, 'ann')).toEqual([200, body.id, 'pending_payment']);
  });
});

import { getQueueToken } from '@nestjs/bullmq';
import { Logger } from '@nestjs/common';
import type { Job, Queue } from 'bullmq';
import { Database } from '../../src/infra/database';
import { RedisConnections } from '../../src/infra/redis';
import { OrderModule, orderQueue } from '../../src/order';
import { OrderRelay } from '../../src/order/order-relay';
import type { OrderBatchJob } from '../../src/order/queues';
import { SweepsProcessor } from '../../src/order/sweeps.processor';
import { Doubts, Reconciler, Recovery } from '../../src/reconciliation';
import { StockReader, StockRedis, type SaleKeys } from '../../src/stock';
import { createInstallation, TestProduct, type Installation } from '../support/product';
import { takeJobs } from '../support/take-jobs';
import { until } from '../support/until';

// What a relay could not say in time on a busy machine, it says again after 10 s.
jest.setTimeout(120_000);

/** Without the worker role, what workers do happens when a test says so. */
describe('a damaged sale', () => {
  let installation: Installation;
  let product: TestProduct;

  beforeAll(async () => {
    installation = await createInstallation();
    product = await TestProduct.start({ ROLES: 'api' }, installation);
  });
  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(async () => {
    await product.stop();
    await installation.drop();
  });

  const redis = () => product.get(RedisConnections).general;
  const keysOf = (saleId: string) => product.get(StockRedis).keys(saleId);

  /** Two sales, the first to be looked at damaged in this key. */
  async function brokenAndSound(key: keyof SaleKeys): Promise<[string, string]> {
    const broken = await product.client.openSale();
    const sound = await product.client.openSale();
    await redis().set(keysOf(broken)[key], 'of the wrong type');
    return [broken, sound];
  }

  it('keeps no other sale from its recovery', async () => {
    const [broken, sound] = await brokenAndSound('meta');
    await redis().unlink(keysOf(sound).meta);
    const doubts = product.get(Doubts);
    expect((await doubts.look([broken, sound])).doubts).toEqual(
      new Map([[broken, 'unreadable'], [sound, 'not_loaded']]));
    const worker = await TestProduct.start({ ROLES: 'worker' }, installation);
    await until('the sound one is loaded', async () =>
      await doubts.about(sound) === undefined);
    await worker.stop();
    expect(await doubts.about(broken)).toBe('unreadable');
    expect((await product.client.buy(sound, 'ann')).status).toBe(202);
  });

  it.each(['due', 'users', 'adjustments', 'tokens'] as const)(
    'is made good by a recovery when its %s have the wrong type', async (key) => {
      const [broken] = await brokenAndSound(key);
      expect(await product.get(Recovery).recover(broken, 'drill')).toBe(true);
      expect(await product.get(Doubts).about(broken)).toBeUndefined();
      expect((await product.client.buy(broken, 'ann')).status).toBe(202);
    });

  it('keeps no other sale from having its leases looked after', async () => {
    const [, sound] = await brokenAndSound('due');
    const { body: { id } } = await product.client.buy(sound, 'ann');
    await redis().zadd(keysOf(sound).due, 1, id);
    const sweeps = await product.create(SweepsProcessor, OrderModule);
    await sweeps.process({ name: 'sweep-leases' } as Job);
    expect(await product.get(StockReader).reservation(sound, id)).toMatchObject({ requeues: 1 });
  });

  it('keeps no other sale from having its unpaid orders ended', async () => {
    const database = product.get(Database);
    const openSale = () => product.client.openSale({ strategy: 'database-row-lock' });
    // By their ids as by their deadlines the broken one comes first.
    const [broken, sound] = [await openSale(), await openSale()].toSorted() as [string, string];
    for (const saleId of [broken, sound]) await product.client.order(saleId, 'ann');
    await database.execute(
      `UPDATE orders SET expires_at = NOW(3) - INTERVAL IF(sale_id = ?, 60, 30) SECOND
        WHERE sale_id IN (?)`, [broken, [broken, sound]]);
    await database.execute('UPDATE buyer_quotas SET quantity = 0 WHERE sale_id = ?', [broken]);
    const errors = jest.spyOn(Logger.prototype, 'error');
    const sweeps = await product.create(SweepsProcessor, OrderModule);
    await sweeps.process({ name: 'expire-overdue' } as Job);
    expect(await database.query(
      'SELECT sale_id AS saleId, status FROM orders WHERE sale_id IN (?) ORDER BY sale_id',
      [[broken, sound]])).toEqual([{ saleId: broken, status: 'pending_payment' },
      { saleId: sound, status: 'expired' }]);
    expect(errors).toHaveBeenCalledWith(
      expect.objectContaining({ msg: 'unpaid orders not ended', saleId: broken }));
  });

  it('keeps no other sale from having its reservations carried to the queue', async () => {
    const [broken, sound] = await brokenAndSound('outbox');
    const reserve = async (saleId: string) => {
      const { status, body } = await product.client.buyInTheEnd(saleId, 'ann');
      expect(status).toBe(202);
      return body.id;
    };
    const queue = product.get<Queue<OrderBatchJob>>(getQueueToken(orderQueue));
    const carried = new Set<string>();
    const isCarried = async (saleId: string, rid: string) => {
      for (const { data } of await takeJobs(queue)) for (const entry of data.entries) carried.add(entry.rid);
      return carried.has(rid) && await redis().xlen(keysOf(saleId).outbox) === 0;
    };
    const first = await reserve(sound);
    const relay = await product.create(OrderRelay, OrderModule);
    relay.onApplicationBootstrap();
    await until('it is in the queue, and the outbox is empty', () => isCarried(sound, first));
    await redis().unlink(keysOf(broken).outbox);
    await until('the broken one is recovered', () => product.get(Recovery).recover(broken, 'mended'));
    const second = await reserve(broken);
    await until('so it is with the mended sale, too', () => isCarried(broken, second));
    await relay.onApplicationShutdown();
  });

  it('db := redis makes wrong counters the truth: the database never follows Redis', async () => {
    const saleId = await product.client.openSale();
    const { meta } = keysOf(saleId);
    const row = async () => product.get(Database).query(
      'SELECT total, allocated, seq FROM sale_stock WHERE sale_id = ?', [saleId]);
    const before = await row();
    await redis().hincrby(meta, 'total', 5);
    await redis().hincrby(meta, 'available', 5);
    const [item] = await product.get(Reconciler).run('operator', saleId);
    expect(item).toMatchObject({ drift: 5, rebuilt: true, driftAfter: 0, consistentAfter: true });
    expect(await row()).toEqual(before);
    const { total, available } = await product.get(StockReader).audit(saleId);
    expect(before).toMatchObject([{ total, allocated: 0 }]);
    expect(available).toBe(total);
  });

  it('keeps no other sale from being reconciled', async () => {
    const [broken, sound] = await brokenAndSound('meta');
    await redis().hincrby(keysOf(sound).meta, 'available', 1);
    const items = await product.get(Reconciler).run('schedule');
    expect(items).toContainEqual(expect.objectContaining(
      { saleId: sound, drift: 1, rebuilt: true, driftAfter: 0, consistentAfter: true }));
    expect(items.map(({ saleId }) => saleId)).not.toContain(broken);
  });

  it.each([['lua', 1, 1], ['database-row-lock', 0, 0]] as const)(
    'whose rows contradict each other is reported, and not loaded time and again (%s)',
    async (strategy, drift, epoch) => {
      const saleId = await product.client.openSale({ strategy });
      const database = product.get(Database);
      await database.execute(
        'UPDATE sale_stock SET allocated = allocated + 1 WHERE sale_id = ?', [saleId]);
      const errors = jest.spyOn(Logger.prototype, 'error');
      for (let run = 0; run < 2; run += 1) {
        expect(await product.get(Reconciler).run('operator', saleId)).toMatchObject([
          { saleId, drift, rebuilt: false, driftAfter: drift, consistentAfter: false }]);
      }
      // Of this sale: others may have their own troubles meanwhile.
      const lines = errors.mock.calls.map(([line]) => line as { saleId?: string })
        .filter((line) => line.saleId === saleId);
      expect(lines).toEqual(Array(2).fill(
        expect.objectContaining({ msg: 'the database does not agree with itself', saleId,
          allocated: 1, pendingPayment: 0, paid: 0 })));
      expect(await product.get(StockReader).audit(saleId)).toMatchObject({ epoch });
    });
});

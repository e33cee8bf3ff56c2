import { getQueueToken } from '@nestjs/bullmq';
import type { Queue } from 'bullmq';
import { Database } from '../../../src/infra/database';
import { RedisConnections } from '../../../src/infra/redis';
import { LeaseSweep, OrderFollowup, OrderStore } from '../../../src/order';
import { sweepQueue } from '../../../src/order/queues';
import { reconciliationQueue } from '../../../src/reconciliation/look-again';
import { Recovery } from '../../../src/reconciliation/recovery';
import { RecoveryWatch } from '../../../src/reconciliation/recovery-watch';
import { StockLedger, StockRedis } from '../../../src/stock';
import { afterNext } from '../../support/after-next';
import { expectBooksToBalance } from '../../support/books';
import type { TestClient } from '../../support/client';
import { Freezing, reviewer } from '../../support/freezing';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

jest.setTimeout(180_000);

/** The worker's part is done by the test alone: nothing sweeps, reconciles or recovers unless it says so. */
describe('a freeze or a thaw that breaks off between Redis and the database', () => {
  let product: TestProduct;
  let freezing: Freezing;
  let client: TestClient;

  beforeAll(async () => {
    product = await TestProduct.start({ RESERVATION_LEASE_SECONDS: '3600' });
    freezing = new Freezing(product);
    ({ client } = product);
    for (const name of [sweepQueue, reconciliationQueue]) {
      const queue = product.get<Queue>(getQueueToken(name));
      await queue.pause();
      await until('what it has begun is over', async () => await queue.getActiveCount() === 0);
    }
    await product.get(RecoveryWatch).onApplicationShutdown();
  });
  afterAll(() => product.stop());

  let nextBuyer = 0;

  /** A frozen order of a buyer of its own, in a sale of 10 units. */
  async function frozenOrder() {
    nextBuyer += 1;
    const userId = `buyer-${nextBuyer}`;
    const saleId = await client.openSale({ payWindowSeconds: 3_600 });
    const { id } = await client.order(saleId, userId);
    expect(await freezing.idsFrozen(userId)).toEqual([id]);
    return { saleId, id, userId };
  }

  /** Lets the deadline in Redis be over, and the sweep look at it. */
  async function sweep(saleId: string, rid: string): Promise<void> {
    await product.get(RedisConnections).general
      .zadd(product.get(StockRedis).keys(saleId).due, 'XX', 1, rid);
    await product.get(LeaseSweep).sweep(await freezing.sale(saleId));
  }

  /** A process freezes, and dies before Redis hears of it. */
  async function unheardFreeze(saleId: string, rid: string): Promise<void> {
    const ledger = product.get(StockLedger);
    const real = ledger.release.bind(ledger);
    const release = jest.spyOn(ledger, 'release').mockImplementation((id, orders) =>
      (id === saleId ? Promise.resolve(0) : real(id, orders)));
    await freezing.idsFrozen((await freezing.row(rid)).userId);
    expect(release).toHaveBeenCalledWith(saleId, [expect.objectContaining({ rid })]);
    release.mockRestore();
  }

  const retake = (saleId: string, rid: string, hold: number) =>
    product.get(StockLedger).retake(saleId, { rid, hold, quantity: 1 });
  const thaw = (rid: string) => freezing.freeze.thaw([rid], reviewer);
  const recover = (saleId: string) => until('the sale is recovered', () =>
    product.get(Recovery).recover(saleId, 'test'));

  async function expectThawed(saleId: string, rid: string, hold: number): Promise<void> {
    expect(await freezing.holds(saleId, rid)).toEqual(
      { row: `pending_payment ${hold}`, record: `pending_payment ${hold}` });
    const { redis } = await expectBooksToBalance(product, saleId);
    expect(redis.counters.available).toBe(9);
  }

  async function expectFrozen(saleId: string, rid: string, hold: number): Promise<void> {
    expect(await freezing.holds(saleId, rid))
      .toEqual({ row: `frozen ${hold}`, record: `frozen ${hold}` });
    const { redis } = await expectBooksToBalance(product, saleId);
    expect(redis.counters.available).toBe(10);
  }

  describe('after the units were had again in Redis', () => {
    it('gives them back when the lease is over, and the order can still be thawed', async () => {
      const { saleId, id } = await frozenOrder();
      expect(await retake(saleId, id, 2)).toMatchObject({ kind: 'held' });
      expect(await freezing.holds(saleId, id)).toEqual({ row: 'frozen 1', record: 'reserved 2' });
      await sweep(saleId, id);
      await expectFrozen(saleId, id, 2);
      await thaw(id);
      await expectThawed(saleId, id, 3);
    });

    it('goes on with them when somebody thaws again before that', async () => {
      const { saleId, id } = await frozenOrder();
      await retake(saleId, id, 2);
      await thaw(id);
      await expectThawed(saleId, id, 2);
      expect(await freezing.movements(id))
        .toEqual(['allocate:rid', 'allocate:rid:2', 'release:rid']);
    });

    it('gives them back when the order is banned meanwhile', async () => {
      const { saleId, id } = await frozenOrder();
      await retake(saleId, id, 2);
      await freezing.freeze.cancelFrozen([id], 'BANNED', reviewer);
      const { redis } = await expectBooksToBalance(product, saleId);
      expect(redis.counters.available).toBe(10);
    });

    it('gives them back when the database takes nothing, once it is asked', async () => {
      const { saleId, id } = await frozenOrder();
      await product.get(Database).execute(`CREATE TRIGGER refuse_thaw BEFORE UPDATE ON orders
        FOR EACH ROW IF NEW.status = 'pending_payment' THEN
          SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1290, MESSAGE_TEXT = 'read only';
        END IF`);
      await expect(thaw(id)).rejects.toThrow('read only');
      await product.get(Database).execute('DROP TRIGGER refuse_thaw');
      expect(await freezing.holds(saleId, id)).toEqual({ row: 'frozen 1', record: 'reserved 2' });
      await sweep(saleId, id);
      await expectFrozen(saleId, id, 2);
    });

    it('forgets them when Redis is loaded anew', async () => {
      const { saleId, id } = await frozenOrder();
      await retake(saleId, id, 2);
      await recover(saleId);
      await expectFrozen(saleId, id, 1);
      await thaw(id);
      await expectThawed(saleId, id, 2);
    });
  });

  it('a thaw whose lease runs out before its commit is overtaken, and takes another hold',
    async () => {
      const { saleId, id } = await frozenOrder();
      afterNext(product.get(StockLedger), 'retake', () => true, () => sweep(saleId, id));
      expect(await thaw(id)).toMatchObject({ thawed: [{ id }] });
      await expectThawed(saleId, id, 3);
      expect(await freezing.movements(id))
        .toEqual(['allocate:rid', 'allocate:rid:3', 'release:rid']);
    });

  it('a thaw that a recovery comes between is fenced off by the epoch, and begins again',
    async () => {
      const { saleId, id } = await frozenOrder();
      afterNext(product.get(StockLedger), 'retake', () => true, () => recover(saleId));
      expect(await thaw(id)).toMatchObject({ thawed: [{ id }] });
      await expectThawed(saleId, id, 2);
    });

  it('a thaw that another one comes between finds the order thawed', async () => {
    const { saleId, id } = await frozenOrder();
    afterNext(product.get(StockLedger), 'retake', () => true, () => thaw(id));
    expect(await thaw(id)).toMatchObject({ thawed: [{ id }] });
    await expectThawed(saleId, id, 2);
  });

  it('a thaw and a new freeze between its two steps leave it to the newer hold', async () => {
    const { saleId, id, userId } = await frozenOrder();
    afterNext(product.get(StockLedger), 'retake', () => true, async () => {
      await thaw(id);
      await freezing.idsFrozen(userId);
    });
    expect(await thaw(id)).toMatchObject({ thawed: [{ id }] });
    await expectThawed(saleId, id, 3);
  });

  it('what was read while it was frozen releases nothing once it is thawed', async () => {
    const { saleId, id } = await frozenOrder();
    const asItWas = await freezing.row(id);
    await thaw(id);
    await product.get(OrderFollowup).apply(saleId, [asItWas]);
    await expectThawed(saleId, id, 2);
  });

  it('a sweep that read it frozen, and goes on once it is thawed, releases nothing', async () => {
    const { saleId, id } = await frozenOrder();
    // Redis has not heard of the freeze: the record is live, as the sweep finds it.
    await retake(saleId, id, 2);
    await product.get(OrderFollowup).apply(saleId, [{ ...await freezing.row(id),
      status: 'pending_payment' }]);
    let finds = 0;
    afterNext(product.get(OrderStore), 'findMany', () => (finds += 1) === 1, () => thaw(id));
    await sweep(saleId, id);
    await expectThawed(saleId, id, 2);
  });

  it('a freeze of which Redis did not hear is carried over by the sweep', async () => {
    const { saleId, id } = await frozenOrder();
    await thaw(id);
    await unheardFreeze(saleId, id);
    expect(await freezing.holds(saleId, id))
      .toEqual({ row: 'frozen 2', record: 'pending_payment 2' });
    await sweep(saleId, id);
    await expectFrozen(saleId, id, 2);
  });

  it('a freeze of which Redis did not hear is carried over by the thaw itself', async () => {
    const { saleId, id } = await frozenOrder();
    await thaw(id);
    await unheardFreeze(saleId, id);
    await thaw(id);
    await expectThawed(saleId, id, 3);
  });

  it('a freeze of which Redis did not hear is carried over by reconciliation', async () => {
    const { saleId, id } = await frozenOrder();
    await thaw(id);
    await unheardFreeze(saleId, id);
    await client.reconcile(saleId);
    await expectFrozen(saleId, id, 2);
  });

  it('after Redis lost everything nothing is thawed until it is recovered, then all is',
    async () => {
      const { saleId, id, userId } = await frozenOrder();
      await product.get(RedisConnections).general
        .unlink(Object.values(product.get(StockRedis).keys(saleId)) as string[]);
      await expect(thaw(id)).rejects.toMatchObject({ code: 'TEMPORARILY_UNAVAILABLE' });
      await recover(saleId);
      await expectFrozen(saleId, id, 1);
      await thaw(id);
      await recover(saleId);
      await expectThawed(saleId, id, 2);
      expect(await freezing.idsFrozen(userId)).toEqual([id]);
      await expectFrozen(saleId, id, 2);
    });
});

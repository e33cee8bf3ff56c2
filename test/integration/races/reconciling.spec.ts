import { getQueueToken } from '@nestjs/bullmq';
import type { Job, Queue, Worker } from 'bullmq';
import { Database } from '../../../src/infra/database';
import { RedisConnections } from '../../../src/infra/redis';
import { OrderLife } from '../../../src/order';
import { Preload, Reconciler, Recovery, StockSnapshots } from '../../../src/reconciliation';
import { reconciliationQueue, type LookAgainJob } from '../../../src/reconciliation/look-again';
import { ReconciliationProcessor } from '../../../src/reconciliation/reconciliation.processor';
import { RecoveryWatch } from '../../../src/reconciliation/recovery-watch';
import { saleKeys } from '../../../src/stock';
import { afterNext } from '../../support/after-next';
import { expectBooksToBalance } from '../../support/books';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { until } from '../../support/until';

const operator = { actor: 'operator', ip: '', traceId: 'a'.repeat(32) };

jest.setTimeout(180_000);

/** Processes with ROLES=api only: no worker reconciles or recovers by itself. */
describe('two processes that look after one sale', () => {
  let installation: Installation;
  let processes: TestProduct[];
  let product: TestProduct;
  let database: Database;
  let worker: TestProduct | undefined;

  beforeAll(async () => {
    installation = await createInstallation();
    processes = await Promise.all([1, 2].map(() =>
      TestProduct.start({ ROLES: 'api' }, installation)));
    [product] = processes as [TestProduct];
    database = product.get(Database);
  });

  afterEach(async () => {
    await worker?.stop();
    worker = undefined;
  });

  afterAll(async () => {
    await Promise.all(processes.map((process) => process.stop()));
    await installation.drop();
  });

  const redis = () => product.get(RedisConnections).general;
  const keysOf = (saleId: string) => saleKeys(product.config.redisNamespace, saleId);

  async function epochOf(saleId: string): Promise<number | undefined> {
    const [row] = await database.query<{ epoch: number }>(
      'SELECT epoch FROM sale_stock WHERE sale_id = ?', [saleId]);
    return row?.epoch;
  }

  async function saleWithOrders(count: number): Promise<string> {
    const saleId = await product.client.openSale({ stock: 20 });
    worker = await TestProduct.start({ ROLES: 'worker' }, installation);
    const orders = await Promise.all(Array.from({ length: count }, (_, index) =>
      product.client.order(saleId, `buyer-${index}`)));
    await worker.stop();
    worker = undefined;
    await product.get(OrderLife).pay(orders[0]?.id ?? '');
    return saleId;
  }

  it('reconciles in one of two processes, tells the other so, and repairs once', async () => {
    const saleId = await saleWithOrders(4);
    // A payment and a cancellation of which Redis was never told.
    await database.execute(
      `UPDATE orders SET status = 'paid', paid_at = NOW(3)
        WHERE sale_id = ? AND status = 'pending_payment' LIMIT 1`, [saleId]);
    await database.execute('UPDATE sale_stock SET total = total + 1 WHERE sale_id = ?', [saleId]);
    await redis().hincrby(keysOf(saleId).meta, 'available', 2);
    // The other one begins while this one is at it.
    let refusal: unknown;
    afterNext(product.get(StockSnapshots), 'of', (id) => id === saleId, async () => {
      refusal = await processes[1]?.get(Reconciler).run('operator', saleId)
        .catch((error: unknown) => error);
    });
    const [item] = await product.get(Reconciler).run('operator', saleId);
    expect(refusal).toMatchObject({ code: 'TEMPORARILY_UNAVAILABLE' });
    expect(item).toMatchObject({ saleId, rebuilt: true, driftAfter: 0 });
    const runs = await database.query(
      "SELECT id FROM reconciliation_runs WHERE cause = 'operator'");
    expect(runs).toHaveLength(1);
    expect(await product.client.stock(saleId)).toMatchObject({ drift: 0, consistent: true,
      redis: { available: 17, reserved: 0, ordered: 2, sold: 2 } });
  });

  describe('amid buyers, so that the difference moves between two looks', () => {
    const buyBetweenLooks = (looking: TestProduct, saleId: string, buyer: string) => {
      afterNext(looking.get(StockSnapshots), 'of', (id) => id === saleId, () =>
        product.client.buy(saleId, buyer));
    };
    /** A payment of which Redis is never told. */
    const damage = (saleId: string) => database.execute(
      `UPDATE orders SET status = 'paid', paid_at = NOW(3)
        WHERE sale_id = ? AND status = 'pending_payment' LIMIT 1`, [saleId]);
    const soldByRedis = async (saleId: string) => Number(await redis().hget(keysOf(saleId).meta, 'sold'));

    it('repairs nothing at first, and by rid when the difference is there time and again', async () => {
      const saleId = await saleWithOrders(3);
      await damage(saleId);
      buyBetweenLooks(product, saleId, 'late-1');
      expect(await product.get(Reconciler).run('operator', saleId))
        .toMatchObject([{ moving: true, drift: 0, repaired: 0, rebuilt: false }]);
      expect(await soldByRedis(saleId)).toBe(1);
      buyBetweenLooks(product, saleId, 'late-2');
      expect(await product.get(Reconciler).again([saleId], true))
        .toMatchObject([{ saleId, moving: true, repaired: 1, rebuilt: false }]);
      expect(await soldByRedis(saleId)).toBe(2);
    });

    it('looks again in seconds, and not for ever', async () => {
      const saleId = await saleWithOrders(3);
      const looking = worker = await TestProduct.start({ ROLES: 'worker' }, installation);
      const processor = looking.get(ReconciliationProcessor);
      const queue = looking.get<Queue>(getQueueToken(reconciliationQueue));
      // Its own jobs are over before there is anything that they could mend, or look at again.
      await processor.worker.pause();
      await queue.drain(true);
      await damage(saleId);
      /** What it plans after this job, amid another purchase. */
      const plannedBy = async (job: Pick<Job, 'name' | 'data'>, buyer: string) => {
        buyBetweenLooks(looking, saleId, buyer);
        await processor.process(job as Job);
        const planned = (await queue.getDelayed()).filter(({ name }) => name === 'look-again');
        await Promise.all(planned.map((found) => found.remove()));
        return planned.map(({ data, opts }) => ({ ...data as object, delay: opts.delay }));
      };
      const again = (look: number) => ({ name: 'look-again', data: { saleIds: [saleId], look } });
      expect(await plannedBy({ name: 'reconcile', data: {} }, 'late-1'))
        .toEqual([{ saleIds: [saleId], look: 1, delay: 5_000 }]);
      expect(await plannedBy(again(1), 'late-2'))
        .toEqual([{ saleIds: [saleId], look: 2, delay: 5_000 }]);
      expect(await soldByRedis(saleId)).toBe(1);
      expect(await plannedBy(again(10), 'late-3')).toEqual([]);
      expect(await soldByRedis(saleId)).toBe(1);
      await plannedBy(again(2), 'late-4');
      expect(await soldByRedis(saleId)).toBe(2);
    });
  });

  describe('one of them a worker, and Redis was never told of a cancellation', () => {
    let saleId: string;
    let queue: Queue;
    let consumer: Worker;

    beforeEach(async () => {
      saleId = await saleWithOrders(3);
      worker = await TestProduct.start({ ROLES: 'worker' }, installation);
      ({ worker: consumer } = worker.get(ReconciliationProcessor));
      queue = worker.get<Queue>(getQueueToken(reconciliationQueue));
      await consumer.pause();
      await database.execute(
        `UPDATE orders JOIN sale_stock USING (sale_id) SET status = 'cancelled', allocated = allocated - 1
          WHERE sale_id = ? AND rid = (SELECT MIN(rid) FROM (SELECT rid FROM orders
            WHERE sale_id = ? AND status = 'pending_payment') AS pending)`, [saleId, saleId]);
    });

    const isLook = ({ name, data }: Job) =>
      name === 'look-again' && (data as LookAgainJob).saleIds.includes(saleId);
    const unitsAreBack = () => until('the units are back', async () => {
      const { drift, redis: { available } } = await product.client.stock(saleId);
      return drift === 0 && available === 18;
    });

    it('has a drift that stands still reconciled before the minute is over', async () => {
      await until('a look is asked for', async () => {
        await worker?.get(RecoveryWatch).look();
        return (await queue.getWaiting()).some(isLook);
      });
      await consumer.resume();
      await unitsAreBack();
    });

    it('looks again when somebody else reconciles just then', async () => {
      const lookInVain = async () => {
        await consumer.resume();
        await until('it was in vain', async () =>
          (await queue.getDelayed()).some((job) => isLook(job) && job.attemptsMade > 0));
      };
      await until('nobody else reconciles before', async () =>
        (await database.withLock('reconcile', lookInVain)).ran);
      await unitsAreBack();
    });
  });

  it.each([1, 2, 3])('recovers once when both processes see the same doubt (round %i)',
    async () => {
      const saleId = await saleWithOrders(5);
      const epoch = await epochOf(saleId) ?? 0;
      const { meta, records, users, due } = keysOf(saleId);
      await redis().del(meta, records, users, due);
      // Both have seen the doubt; whoever gets the lock second must look again.
      await Promise.all(processes.map((process) => until('the lock was free', () =>
        process.get(Recovery).recover(saleId))));
      expect(await epochOf(saleId)).toBe(epoch + 1);
      const { redis: { counters } } = await expectBooksToBalance(product, saleId);
      expect(counters).toMatchObject({ available: 15, ordered: 4, sold: 1 });
      for (const [index, process] of processes.entries()) {
        expect((await process.client.buy(saleId, `late-${index}`)).status).toBe(202);
      }
    });

  it('sells nothing twice when a sale is recovered time and again while buyers press', async () => {
    const saleId = await product.client.openSale({ stock: 20 });
    worker = await TestProduct.start({ ROLES: 'worker' }, installation);
    const accepted = new Set<string>();
    const pressing = Promise.all(Array.from({ length: 60 }, async (_, index) => {
      const key = `press-${index}`;
      const client = processes[index % 2]?.client ?? product.client;
      // As a buyer does: the same key again until there is an answer that is not "later".
      const answer = await until('an answer', async () => {
        const found = await client.buy(saleId, `buyer-${index}`, { key });
        return found.status !== 503 && found;
      }, 45_000);
      if (answer.status === 202 || answer.status === 200) accepted.add(answer.body.id);
      else expect(answer.body.code).toBe('SOLD_OUT');
    }));
    for (let round = 0; round < 5; round += 1) {
      await processes[round % 2]?.get(Recovery).recover(saleId, 'drill');
    }
    await pressing;
    const { orders, stock } = await expectBooksToBalance(product, saleId);
    expect(stock.allocated).toBe(20);
    expect(orders.filter(({ status }) => status === 'pending_payment').map(({ id }) => id).sort())
      .toEqual([...accepted].sort());
  });

  it('loads a sale once when two operators preload it at once', async () => {
    const saleId = await product.client.draftSale({ stock: 7 });
    const answers = await Promise.all(processes.map((process) =>
      process.get(Preload).preload(saleId, operator)));
    expect(answers).toEqual([{ saleId, available: 7 }, { saleId, available: 7 }]);
    expect(await epochOf(saleId)).toBe(1);
    expect((await processes[1]?.client.buy(saleId, 'ann'))?.status).toBe(202);
  });
});

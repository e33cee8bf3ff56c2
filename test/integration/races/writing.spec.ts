import { getQueueToken } from '@nestjs/bullmq';
import type { Job, Queue } from 'bullmq';
import { Database } from '../../../src/infra/database';
import { Metrics } from '../../../src/infra/metrics';
import { RedisConnections } from '../../../src/infra/redis';
import { OrderModule, orderQueue, OrderStore } from '../../../src/order';
import { OrderProcessor } from '../../../src/order/order.processor';
import { OrderRelay } from '../../../src/order/order-relay';
import type { OrderBatchJob } from '../../../src/order/queues';
import { saleKeys, StockOutbox, type OutboxBatch } from '../../../src/stock';
import { afterNext } from '../../support/after-next';
import { expectBooksToBalance, faultsOf, readBooks } from '../../support/books';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { takeJobs } from '../../support/take-jobs';
import { until } from '../../support/until';

jest.setTimeout(180_000);

/** Processes with ROLES=api only: what workers do happens when a test says so. */
describe('reservations on their way to the database', () => {
  let installation: Installation;
  let product: TestProduct;
  let other: TestProduct;
  let processors: OrderProcessor[];

  beforeAll(async () => {
    installation = await createInstallation();
    product = await TestProduct.start({ ROLES: 'api' }, installation);
    other = await TestProduct.start({ ROLES: 'api' }, installation);
    processors = await Promise.all([product, other].map((process) =>
      process.create(OrderProcessor, OrderModule)));
  });

  afterEach(() => queueOf(product).drain());

  afterAll(async () => {
    await Promise.all([product.stop(), other.stop()]);
    await installation.drop();
  });

  const queueOf = (process: TestProduct) =>
    process.get<Queue<OrderBatchJob>>(getQueueToken(orderQueue));

  async function saleWithReservations(count: number, stock = count) {
    const saleId = await product.client.openSale({ stock });
    const answers = await Promise.all(Array.from({ length: count }, (_, index) =>
      product.client.buy(saleId, `buyer-${index}`)));
    return { saleId, rids: answers.map(({ body }) => body.id) };
  }

  /** Takes what the outbox of a sale holds, as a relay of that name would. */
  async function take(saleId: string, relay: string, count = 500): Promise<OutboxBatch> {
    const outbox = product.get(StockOutbox);
    const reader = outbox.openReader();
    try {
      const [batch] = await outbox.read(reader, relay, [saleId], count, 10);
      return batch ?? { saleId, streamIds: [], entries: [] };
    } finally {
      reader.disconnect();
    }
  }

  const deliver = async (processor: OrderProcessor | undefined, { saleId, entries }: OutboxBatch) =>
    processor?.process({ data: { saleId, entries } } as Job<OrderBatchJob>);

  it('carries every reservation into the queue once when two relays run', async () => {
    const relays = await Promise.all([product, other].map((process) =>
      process.create(OrderRelay, OrderModule)));
    for (const relay of relays) relay.onApplicationBootstrap();
    const { saleId, rids } = await saleWithReservations(120);
    const keys = saleKeys(product.config.redisNamespace, saleId);
    const jobs: Job<OrderBatchJob>[] = [];
    await until('the outbox is empty', async () => {
      jobs.push(...await takeJobs(queueOf(product)));
      return await product.get(RedisConnections).general.xlen(keys.outbox) === 0;
    });
    await Promise.all(relays.map((relay) => relay.onApplicationShutdown()));
    jobs.push(...await takeJobs(queueOf(product)));
    expect(jobs.flatMap(({ data }) => data.entries.map(({ rid }) => rid)).sort())
      .toEqual(rids.sort());
    await Promise.all(jobs.map(async (job, index) => processors[index % 2]?.process(job)));
    const { orders } = await expectBooksToBalance(product, saleId);
    expect(orders).toHaveLength(120);
  });

  it('lets one of two relays claim what a dead one held, not both', async () => {
    const { saleId, rids } = await saleWithReservations(40);
    const taken = await take(saleId, 'relay-that-dies');
    expect(taken.entries).toHaveLength(40);
    const outbox = product.get(StockOutbox);
    const stream = saleKeys(product.config.redisNamespace, saleId).outbox;
    // They have been with it for an hour.
    await product.get(RedisConnections).general
      .call('XCLAIM', stream, 'relay', 'relay-that-dies', 0, ...taken.streamIds, 'IDLE', 3_600_000);
    // The second claimer finds them fresh, whatever keeps him from being there at the same time.
    const claims = await Promise.all(['a', 'b'].map((name) =>
      outbox.claim(name, saleId, 1_800_000, 500)));
    expect(claims.flatMap(({ entries }) => entries.map(({ rid }) => rid)).sort())
      .toEqual(rids.sort());
    for (const claim of claims) {
      await deliver(processors[0], claim);
      if (claim.streamIds.length > 0) await outbox.acknowledge(claim);
    }
    await expectBooksToBalance(product, saleId);
  });

  it('writes each order once when two workers have the same batch', async () => {
    const { saleId, rids } = await saleWithReservations(100);
    const batch = await take(saleId, 'relay');
    await Promise.all(processors.map((processor) => deliver(processor, batch)));
    await product.get(StockOutbox).acknowledge(batch);
    const { orders, ledger } = await expectBooksToBalance(product, saleId);
    expect(orders.map(({ id, status }) => [id, status]).sort())
      .toEqual(rids.map((rid) => [rid, 'pending_payment']).sort());
    expect(ledger.filter(({ kind }) => kind === 'allocate')).toHaveLength(100);
  });

  it('writes each order once when two workers have batches that overlap', async () => {
    const { saleId } = await saleWithReservations(60);
    const batch = await take(saleId, 'relay');
    const part = (from: number, to: number) =>
      ({ ...batch, entries: batch.entries.slice(from, to) });
    await Promise.all([deliver(processors[0], part(0, 40)), deliver(processors[1], part(20, 60)),
      deliver(processors[0], part(10, 50))]);
    await product.get(StockOutbox).acknowledge(batch);
    const { orders } = await expectBooksToBalance(product, saleId);
    expect(orders).toHaveLength(60);
  });

  it('writes a batch together although another worker writes a part of it first', async () => {
    const { saleId, rids } = await saleWithReservations(60);
    const batch = await take(saleId, 'relay');
    const before = await conflicts();
    const part = (from: number, to: number) =>
      deliver(processors[1], { ...batch, entries: batch.entries.slice(from, to) });
    // The second is there before the first inserts, and once more when that has looked for its rows.
    afterNext(product.get(OrderStore), 'now', () => true, async () => part(30, 60));
    afterNext(product.get(OrderStore), 'findMany', () => true, async () => part(20, 30));
    const inserts = jest.spyOn(product.get(OrderStore), 'insert');
    await deliver(processors[0], { ...batch, entries: batch.entries.slice(0, 40) });
    await product.get(StockOutbox).acknowledge(batch);
    expect(inserts.mock.calls.map(([, , entries]) => entries.length)).toEqual([40, 30, 20]);
    inserts.mockRestore();
    expect(await conflicts()).toBe(before);
    const { orders } = await expectBooksToBalance(product, saleId);
    expect(orders.map(({ id }) => id).sort()).toEqual(rids.sort());
  });

  /** How many batches of the first process were refused and went in parts. */
  async function conflicts(): Promise<number> {
    const { values } = await product.get(Metrics).inventoryVersionConflictTotal.get();
    return values.reduce((sum, { value }) => sum + value, 0);
  }

  it('does nothing when a job is delivered again, whatever has become of its orders', async () => {
    const { saleId, rids } = await saleWithReservations(3);
    const [paid = '', cancelled = '', waiting = ''] = rids;
    const batch = await take(saleId, 'relay');
    await deliver(processors[0], batch);
    await product.get(StockOutbox).acknowledge(batch);
    const ownerOf = new Map(batch.entries.map(({ rid, userId }) => [rid, userId]));
    await product.client.pay(paid, ownerOf.get(paid) ?? '');
    await product.client.cancel(cancelled, ownerOf.get(cancelled));
    const before = await expectBooksToBalance(product, saleId);
    await deliver(processors[0], batch);
    await deliver(processors[1], batch);
    expect(await expectBooksToBalance(product, saleId)).toEqual(before);
    const statuses = Object.fromEntries(before.orders.map(({ id, status }) => [id, status]));
    expect(statuses).toEqual(
      { [paid]: 'paid', [cancelled]: 'cancelled', [waiting]: 'pending_payment' });
  });

  it('lets one of cancel and the writer have the row, and the unit is back anyway', async () => {
    const count = 30;
    const { saleId, rids } = await saleWithReservations(count);
    const batch = await take(saleId, 'relay');
    const [answers] = await Promise.all([
      Promise.all(batch.entries.map(({ rid, userId }) => product.client.cancel(rid, userId))),
      ...batch.entries.map((entry) => deliver(processors[1], { ...batch, entries: [entry] })),
    ]);
    await product.get(StockOutbox).acknowledge(batch);
    expect(answers.map(({ status, body }) => [status, body.status]))
      .toEqual(rids.map(() => [200, 'cancelled']));
    const { orders, redis } = await expectBooksToBalance(product, saleId);
    expect(orders.map(({ status }) => status)).toEqual(rids.map(() => 'cancelled'));
    expect(redis.counters.available).toBe(count);
  });

  it('finds the row taken when a cancel came before the writer', async () => {
    const { saleId, rids: [rid = ''] } = await saleWithReservations(1);
    const batch = await take(saleId, 'relay');
    expect((await product.client.cancel(rid, 'buyer-0')).body).toMatchObject(
      { status: 'cancelled', reason: 'CANCELLED_BY_BUYER' });
    expect((await product.client.buy(saleId, 'bob')).status).toBe(202);
    await deliver(processors[0], batch);
    const books = await readBooks(product, saleId);
    expect(faultsOf(books)).toEqual([]);
    expect(books.orders.map(({ id, status }) => [id, status])).toEqual([[rid, 'cancelled']]);
    expect(books.stock.allocated).toBe(0);
  });

  it('rejects, with the reason, exactly what does not fit when the database has fewer units',
    async () => {
      const { saleId, rids } = await saleWithReservations(10);
      // As after a Redis that came back older: it promises more than the database has.
      await product.get(Database).execute(
        'UPDATE sale_stock SET total = 6 WHERE sale_id = ?', [saleId]);
      const batch = await take(saleId, 'relay');
      await Promise.all(processors.map((processor) => deliver(processor, batch)));
      const { orders, stock } = await readBooks(product, saleId);
      expect(stock).toMatchObject({ total: 6, allocated: 6 });
      expect(orders).toHaveLength(rids.length);
      const rejected = orders.filter(({ status }) => status === 'rejected');
      expect(rejected.map(({ reason }) => reason)).toEqual(Array(4).fill('SOLD_OUT'));
    });
});

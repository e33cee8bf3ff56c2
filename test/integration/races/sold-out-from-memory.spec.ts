import { randomUUID } from 'node:crypto';
import { Metrics } from '../../../src/infra/metrics';
import { RiskAssessor } from '../../../src/risk';
import { BuyerLists, SoldOutSales, StockGate, StockRedis } from '../../../src/stock';
import { Throttle } from '../../../src/throttle';
import { afterNext } from '../../support/after-next';
import { expectBooksToBalance } from '../../support/books';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { until } from '../../support/until';

jest.setTimeout(180_000);

describe('a sold-out sale that two processes know by heart', () => {
  let installation: Installation;
  let first: TestProduct;
  let second: TestProduct;
  let worker: TestProduct;

  beforeAll(async () => {
    installation = await createInstallation();
    // Places among the unpaid orders are kept, so that it shows who keeps one.
    const start = (roles: string) =>
      TestProduct.start({ ROLES: roles, HOLDS_PER_USER: '10' }, installation);
    [first, second, worker] = await Promise.all([start('api'), start('api'), start('worker')]);
  });

  afterAll(async () => {
    await Promise.all([first, second, worker].map((process) => process.stop()));
    await installation.drop();
  });

  /** Refusals without a question to Redis, and with one. */
  async function refusals(product: TestProduct) {
    const metrics = product.get(Metrics);
    const [{ value: byMemory = 0 } = {}] = (await metrics.soldOutFromMemoryTotal.get()).values;
    const byRedis = (await metrics.inventoryDecrTotal.get()).values
      .filter(({ labels }) => labels.result === 'sold_out').reduce((sum, { value }) => sum + value, 0);
    return { byMemory, byRedis };
  }

  /** So many who have never bought press at once; their answers. */
  const strangers = ({ client }: TestProduct, saleId: string, count: number) =>
    Promise.all(Array.from({ length: count }, () => client.buy(saleId, `stranger-${randomUUID()}`)));

  /** The crowd comes until memory answers it. */
  const learn = (product: TestProduct, saleId: string) =>
    until('the process refuses from memory', async () => {
      const { byMemory } = await refusals(product);
      await strangers(product, saleId, 30);
      return (await refusals(product)).byMemory > byMemory;
    }, 45_000);

  /**
   * The unit of this order comes back, and is sold as soon as Redis sells it, past the first process'
   * memory. An operator who added one would also change the total, by which memory knows as well.
   */
  async function sellOnceMore(saleId: string, holder: { id: string; userId: string }, userId: string,
    key: string): Promise<string> {
    const gate = first.get(StockGate);
    const rid = gate.idOf(userId, saleId, key);
    expect((await first.client.cancelInTheEnd(holder.id, holder.userId)).status).toBe(200);
    await until('the unit is sold', async () => {
      const { kind } = await gate.reserve({ rid, saleId, userId, quantity: 1,
        traceId: '0'.repeat(32), ip: '10.0.0.1', source: 'test' });
      return kind === 'held';
    }, 45_000);
    return rid;
  }

  it('refuses each of the crowd once, by memory or by Redis, and all with the same words', async () => {
    const saleId = await first.client.openSale({ stock: 1 });
    await first.client.order(saleId, 'ann');
    await learn(first, saleId);
    const before = await refusals(first);
    const answers = await strangers(first, saleId, 100);
    const after = await refusals(first);
    expect(new Set(answers.map(({ status, body: { code, detail } }) => `${status} ${code} ${detail}`)))
      .toEqual(new Set(['409 SOLD_OUT Not enough units are left. Units of orders that are not paid '
        + 'come back on sale.']));
    expect(after.byMemory - before.byMemory + after.byRedis - before.byRedis).toBe(100);
  });

  it('still answers every earlier buyer with what became of his order', async () => {
    const { client } = first;
    const saleId = await client.openSale({ stock: 3 });
    const [ann, bob] = [await client.order(saleId, 'ann', { key: 'ann-1' }),
      await client.order(saleId, 'bob', { key: 'bob-1' })];
    await client.cancel(bob.id, 'bob');
    await client.atRest(saleId);
    expect((await client.adjust(saleId, -2)).status).toBe(200);
    await learn(second, saleId);
    const crowd = strangers(second, saleId, 60);
    const [again, cancelled] = [await second.client.buy(saleId, 'ann', { key: 'ann-1' }),
      await second.client.buy(saleId, 'bob', { key: 'bob-1' })];
    expect([again.status, again.body.id, again.body.status]).toEqual([200, ann.id, 'pending_payment']);
    expect([cancelled.status, cancelled.body.id, cancelled.body.status])
      .toEqual([200, bob.id, 'cancelled']);
    for (const { body } of await crowd) expect(body.code).toBe('SOLD_OUT');
    await expectBooksToBalance(first, saleId);
  });

  it('tells nobody "sold out" who has just bought a unit that came back, at the other process', async () => {
    const saleId = await first.client.openSale({ stock: 1 });
    let holder = { id: (await first.client.order(saleId, 'ann')).id, userId: 'ann' };
    for (let round = 0; round < 5; round += 1) {
      await learn(second, saleId);
      const [userId, key] = [`late-${round}`, `key-${round}`];
      const id = await sellOnceMore(saleId, holder, userId, key);
      holder = { id, userId };
      const { status, body } = await second.client.buy(saleId, userId, { key });
      expect([userId, status < 300, body.code, body.id]).toEqual([userId, true, undefined, id]);
    }
    // Nor when the sale is sold out once more, and known by heart anew.
    await learn(second, saleId);
    const { body } = await second.client.buy(saleId, 'late-4', { key: 'key-4' });
    expect(body.code).toBeUndefined();
    await expectBooksToBalance(first, saleId);
  });

  it('does not rely on a list that was read while somebody bought', async () => {
    const saleId = await first.client.openSale({ stock: 1 });
    const { id } = await first.client.order(saleId, 'ann');
    const lists = second.get(BuyerLists);
    const read = lists.read.bind(lists);
    const sold = Promise.withResolvers<string>();
    const spy = jest.spyOn(lists, 'read').mockImplementationOnce(async (...given) => {
      const buyers = await read(...given);
      sold.resolve(await sellOnceMore(saleId, { id, userId: 'ann' }, 'bob', 'bob-1'));
      return buyers;
    });
    await until('the process reads', async () => {
      await strangers(second, saleId, 19);
      // One after the other: no stranger is on his way when the unit comes.
      for (let i = 0; i < 3 && spy.mock.calls.length === 0; i += 1) await strangers(second, saleId, 1);
      return spy.mock.calls.length > 0;
    }, 45_000);
    const rid = await sold.promise;
    await learn(second, saleId);
    expect((await second.client.buy(saleId, 'bob', { key: 'bob-1' })).body.id).toBe(rid);
    spy.mockRestore();
  });

  it('lets a sale be that it could not learn, and reads none that is too large', async () => {
    const lists = first.get(BuyerLists);
    // A sale is let be for five seconds: when a stall takes that long, another one is looked at.
    const [asked, read] = await until('they come before it is over', async () => {
      const { saleId, buyers } = await soldOutSale();
      const generation = { boot: first.get(StockRedis).bootOf(saleId) ?? '', epoch: 1, seq: 2 };
      await expect(lists.read(saleId, generation, 1)).rejects.toThrow('More than 1 buyers');
      expect([...await lists.read(saleId, generation, 2)].sort()).toEqual(buyers);
      const spies = [jest.spyOn(lists, 'findOrClaim'),
        jest.spyOn(lists, 'read').mockRejectedValue(new Error('too large'))] as const;
      const startedAt = performance.now();
      await until('the process reads', async () => {
        await strangers(first, saleId, 30);
        return spies[1].mock.calls.length > 0;
      }, 45_000);
      await strangers(first, saleId, 100);
      const elapsedMs = performance.now() - startedAt;
      const calls = spies.map((spy) => spy.mock.calls.length);
      for (const spy of spies) spy.mockRestore();
      return elapsedMs < 4_500 && calls;
    }, 90_000);
    expect([asked, read]).toEqual([1, 1]);
  });

  /** Of two units, which ann and bob have. */
  async function soldOutSale() {
    const saleId = await first.client.openSale({ stock: 2 });
    const buyers = ['ann', 'bob'];
    await Promise.all(buyers.map((buyer) => first.client.order(saleId, buyer, { key: buyer })));
    return { saleId, buyers };
  }

  /** Whether what a process has read of a sale lies ready for the others, from here on for ever. */
  async function isShared(saleId: string): Promise<boolean> {
    const redis = first.get(StockRedis);
    const { general } = redis.connections;
    const [list] = await general.keys(`${redis.keys(saleId).records}:buyers:*`);
    if (list === undefined || await general.get(list) === '') return false;
    return await general.persist(list) === 1;
  }

  it('reads the records of the sale once for both', async () => {
    const saleId = await until('one process has shared what it read', async () => {
      const { saleId: id } = await soldOutSale();
      await learn(first, id);
      return await isShared(id) && id;
    }, 90_000);
    const read = jest.spyOn(second.get(BuyerLists), 'read');
    await learn(second, saleId);
    expect(read).not.toHaveBeenCalled();
    expect((await second.client.buy(saleId, 'bob', { key: 'bob' })).status).toBe(200);
    read.mockRestore();
  });

  describe('a buyer who was on his way when memory learned it', () => {
    const mia: unknown = expect.objectContaining({ userId: 'mia' });
    /** Until memory would refuse her at this moment: what follows asks it before anything else can happen. */
    const learnForMia = (saleId: string) => until('memory refuses mia', async () => {
      await strangers(first, saleId, 30);
      return first.get(SoldOutSales).isSoldOutFor(saleId, 'mia');
    });

    it('is not rated once he has been counted', async () => {
      const saleId = await first.client.openSale({ stock: 1 });
      await first.client.order(saleId, 'ann');
      const assess = jest.spyOn(first.get(RiskAssessor), 'assess');
      afterNext(first.get(Throttle), 'admit', ({ userId }) => userId === 'mia',
        () => learnForMia(saleId));
      expect((await first.client.buy(saleId, 'mia')).body.code).toBe('SOLD_OUT');
      expect(assess).not.toHaveBeenCalledWith(mia);
      assess.mockRestore();
    });

    it('does not reach the stock once he has been rated, and keeps no place as an unpaid order',
      async () => {
        const saleId = await first.client.openSale({ stock: 1 });
        await first.client.order(saleId, 'ann');
        const reserve = jest.spyOn(first.get(StockGate), 'reserve');
        const release = jest.spyOn(first.get(RiskAssessor), 'releaseHold');
        afterNext(first.get(RiskAssessor), 'assess', ({ identity }) => identity.userId === 'mia',
          () => learnForMia(saleId));
        expect((await first.client.buy(saleId, 'mia')).body.code).toBe('SOLD_OUT');
        expect(reserve).not.toHaveBeenCalledWith(mia);
        expect(release).toHaveBeenCalledWith(mia);
        reserve.mockRestore();
        release.mockRestore();
      });
  });

  it('sells on both processes what comes back', async () => {
    const saleId = await first.client.openSale({ stock: 1 });
    await first.client.order(saleId, 'ann');
    await Promise.all([learn(first, saleId), learn(second, saleId)]);
    expect((await first.client.adjust(saleId, 2)).status).toBe(200);
    for (const { client } of [first, second]) {
      await until('a unit is sold', async () =>
        (await client.buy(saleId, `late-${randomUUID()}`)).status === 202, 45_000);
    }
    const { stock } = await expectBooksToBalance(first, saleId);
    expect(stock).toMatchObject({ total: 3, allocated: 3 });
  });
});

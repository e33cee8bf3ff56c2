import { Database } from '../../../src/infra/database';
import { OrderLife } from '../../../src/order';
import { expectBooksToBalance } from '../../support/books';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';
import { whileWatched } from '../../support/watch';

jest.setTimeout(180_000);

describe('stock that changes while a sale runs', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterAll(() => product.stop());

  it('sells exactly what there is when units come and go under the buyers', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 20 });
    await whileWatched(product, saleId, () => sellWhileStockChanges(saleId));
  });

  async function sellWhileStockChanges(saleId: string): Promise<void> {
    const { client } = product;
    const crowd = Array.from({ length: 120 }, async (_, index) => {
      const answer = await client.buy(saleId, `buyer-${index}`);
      expect(answer.status === 202 || answer.body.code === 'SOLD_OUT').toBe(true);
      return answer.status === 202;
    });
    const deltas = [10, -3, 5, -4, 8, -2, 6, -5];
    // Every change twice at once, as after a time-out.
    const changes = deltas.flatMap((delta, index) => [1, 2].map(async () => {
      const { status } = await client.adjust(saleId, delta, `change-${index}`);
      return [index, status];
    }));
    const answers = await Promise.all(changes);
    const accepted = (await Promise.all(crowd)).filter(Boolean).length;
    const applied = new Set(answers.filter(([, status]) => status === 200).map(([index]) => index));
    const total = deltas.reduce((sum, delta, index) => sum + (applied.has(index) ? delta : 0), 20);
    for (const [index = 0, status] of answers) {
      const isDecrease = (deltas[index] ?? 0) < 0;
      expect(status === 200 || (isDecrease && status === 409)).toBe(true);
      expect(status === 200).toBe(applied.has(index));
    }
    const { stock, ledger } = await expectBooksToBalance(product, saleId);
    expect(stock).toMatchObject({ total, allocated: accepted });
    expect(ledger.filter(({ kind }) => kind === 'stock')).toHaveLength(1 + applied.size);
  }

  it('opens a sold-out sale again with the units that come, and not with one more', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 1 });
    await client.order(saleId, 'first');
    expect((await client.buy(saleId, 'second')).body.code).toBe('SOLD_OUT');
    expect((await client.adjust(saleId, 2)).status).toBe(200);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) =>
      client.buy(saleId, `buyer-${index}`)));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(2);
    await expectBooksToBalance(product, saleId);
  });

  it('lets one of a decrease and the last buyer have the unit', async () => {
    const { client } = product;
    for (let round = 0; round < 5; round += 1) {
      const saleId = await client.openSale({ stock: 1 });
      const [adjusted, bought] = await Promise.all(
        [client.adjust(saleId, -1), client.buy(saleId, 'ann')]);
      expect([[200, 409], [409, 202]]).toContainEqual([adjusted.status, bought.status]);
      const { stock } = await expectBooksToBalance(product, saleId);
      expect(stock).toMatchObject(bought.status === 202
        ? { total: 1, allocated: 1 } : { total: 0, allocated: 0 });
    }
  });

  it('answers a decrease alike that is asked for three times while a unit comes', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 1 });
    await client.order(saleId, 'ann');
    for (let round = 0; round < 15; round += 1) {
      const [up, ...down] = await Promise.all([client.adjust(saleId, 1, `up-${round}`),
        ...[1, 2, 3].map(() => client.adjust(saleId, -1, `down-${round}`))]);
      expect(up.status).toBe(200);
      const statuses = new Set(down.map(({ status }) => status));
      expect(statuses.size).toBe(1);
      if (!statuses.has(200)) await client.adjust(saleId, -1, `clear-${round}`);
    }
    const { stock } = await expectBooksToBalance(product, saleId);
    expect(stock).toMatchObject({ total: 1, allocated: 1 });
  });

  it('sells units that come back to others, and never a unit twice', async () => {
    const saleId = await product.client.openSale({ stock: 5 });
    await whileWatched(product, saleId, async () => {
      for (let round = 0; round < 4; round += 1) await giveBackWhileOthersPress(saleId, round);
    });
    const { orders, redis } = await expectBooksToBalance(product, saleId);
    expect(redis.counters.available).toBe(5);
    expect(orders.some(({ status }) => status === 'paid')).toBe(false);
  });

  /** Whoever has a unit loses it, in one of three ways, while others press; then nobody has one. */
  async function giveBackWhileOthersPress(saleId: string, round: number): Promise<void> {
    const { client } = product;
    const life = product.get(OrderLife);
    const held = await Promise.all(Array.from({ length: 5 }, async (_, index) => {
      const holder = `holder-${round}-${index}`;
      // The process may still know the sale as sold out, for 250 ms.
      await until('units that came back are sold', async () =>
        (await client.buy(saleId, holder, { key: holder })).status < 300);
      return client.order(saleId, holder, { key: holder });
    }));
    const ends = held.map(async ({ id, userId }, index) => {
      if (index % 3 === 0) return client.cancel(id, userId);
      await product.get(Database).execute(
        'UPDATE orders SET expires_at = NOW(3) WHERE rid = ?', [id]);
      return index % 3 === 1 ? life.expire(saleId, [id]) : life.pay(id);
    });
    const presses = Array.from({ length: 30 }, (_, index) =>
      client.buy(saleId, `presser-${round}-${index}`));
    await Promise.all(ends);
    const winners = (await Promise.all(presses)).filter(({ status }) => status === 202);
    await client.atRest(saleId);
    await Promise.all(winners.map(({ body }) => client.cancel(body.id, body.userId)));
  }
});

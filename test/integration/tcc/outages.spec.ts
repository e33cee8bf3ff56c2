import { Recovery } from '../../../src/reconciliation';
import { faultsOf, readBooks } from '../../support/books';
import { expectProblem } from '../../support/expect-problem';
import { FaultProxy } from '../../support/fault-proxy';
import { TestProduct } from '../../support/product';
import { TestService } from '../../support/service';
import { until } from '../../support/until';

jest.setTimeout(120_000);

describe('reservations of a service', () => {
  let way: FaultProxy;
  let product: TestProduct;
  let shop: TestService;

  beforeAll(async () => {
    way = await FaultProxy.start(Number(new URL(process.env.TEST_REDIS_URL ?? '').port));
    product = await TestProduct.start({ REDIS_URL: way.url('redis') });
    shop = new TestService(product.client, 'shop');
  });
  afterAll(async () => {
    await product.stop();
    await way.stop();
  });

  async function expectSound(saleId: string, allocated: number): Promise<void> {
    await product.client.atRest(saleId);
    const books = await readBooks(product, saleId);
    expect(faultsOf(books)).toEqual([]);
    expect([books.stock.allocated, books.redis.counters.available])
      .toEqual([allocated, 10 - allocated]);
  }

  it('are confirmed and cancelled without Redis, which reconciliation tells of it', async () => {
    const saleId = await product.client.openSale();
    const of = (userId: string) => ({ userId, key: 'order' });
    const [bought, given] = await Promise.all([shop.tried(saleId, of('ann')),
      shop.tried(saleId, of('bob')), shop.tried(saleId, of('cyd'))]);
    await way.refuse();
    try {
      expect((await shop.end(bought.id, 'confirm')).body.status).toBe('confirmed');
      expect((await shop.end(given.id, 'cancel')).body.status).toBe('cancelled');
      expect((await shop.byKey(saleId, 'cancel', of('cyd'))).body.status).toBe('cancelled');
      expect((await shop.byKey(saleId, 'cancel', of('dan'))).body.status).toBe('cancelled');
      expectProblem(await shop.try(saleId, { userId: 'eve' }), 'TEMPORARILY_UNAVAILABLE');
      // Whether it is on its way only Redis knows.
      expectProblem(await shop.byKey(saleId, 'confirm', { userId: 'eve' }),
        'TEMPORARILY_UNAVAILABLE');
    } finally {
      await way.accept();
    }
    await until('Tries go on', async () =>
      (await shop.try(saleId, { userId: 'eve', key: 'order' })).status === 201, 45_000);
    expectProblem(await shop.try(saleId, of('dan')), 'ORDER_STATE_CONFLICT');
    await product.client.reconcile(saleId);
    await expectSound(saleId, 2);
  });

  it('stay what they are when Redis is loaded anew, those that never came, too', async () => {
    const saleId = await product.client.openSale({ limitPerUser: 5 });
    const early = { userId: 'ann', key: 'early', quantity: 2 };
    await shop.byKey(saleId, 'cancel', early);
    const { id: tried } = await shop.tried(saleId, { userId: 'bob', quantity: 3 });
    const { id: bought } = await shop.tried(saleId, { userId: 'cyd' });
    await shop.end(bought, 'confirm');
    await product.get(Recovery).recover(saleId, 'drill');
    expectProblem(await shop.try(saleId, early), 'ORDER_STATE_CONFLICT');
    expectProblem(await shop.try(saleId, { ...early, quantity: 1 }), 'IDEMPOTENCY_KEY_REUSED');
    expect((await shop.end(bought, 'confirm')).body.status).toBe('confirmed');
    expect((await shop.end(tried, 'confirm')).body.status).toBe('confirmed');
    await expectSound(saleId, 4);
  });
});

import { RedisConnections } from '../../../src/infra/redis';
import { expectProblem } from '../../support/expect-problem';
import { saleKeys, StockReader } from '../../../src/stock';
import { Doubts, Recovery } from '../../../src/reconciliation';
import { expectBooksToBalance } from '../../support/books';
import { createInstallation, TestProduct, type Installation } from '../../support/product';

jest.setTimeout(180_000);

/** No worker runs unless a test starts one: nothing mends what a test forges. */
describe('the fence around what Redis holds', () => {
  let installation: Installation;
  let api: TestProduct;

  beforeAll(async () => {
    installation = await createInstallation();
    api = await TestProduct.start({ ROLES: 'api' }, installation);
  });

  afterAll(async () => {
    await api.stop();
    await installation.drop();
  });

  const redis = () => api.get(RedisConnections).general;
  const keysOf = (saleId: string) => saleKeys(api.config.redisNamespace, saleId);

  async function saleWithOrders(count: number): Promise<string> {
    const saleId = await api.client.openSale({ stock: 20 });
    const worker = await TestProduct.start({ ROLES: 'worker' }, installation);
    for (let index = 0; index < count; index += 1) {
      await api.client.order(saleId, `buyer-${index}`);
    }
    await worker.stop();
    return saleId;
  }

  it('I11: numbers go on where the database is, also after Redis has lost everything', async () => {
    const saleId = await saleWithOrders(3);
    expect((await expectBooksToBalance(api, saleId)).stock.seq).toBe(3);
    const { meta, records, users, due, outbox } = keysOf(saleId);
    await redis().del(meta, records, users, due, outbox);
    expect(await api.get(Doubts).about(saleId)).toBe('not_loaded');
    await api.get(Recovery).recover(saleId);
    const { redis: { counters } } = await expectBooksToBalance(api, saleId);
    expect(counters.seq).toBe(3);
    await api.client.buy(saleId, 'late');
    expect((await api.get(StockReader).audit(saleId)).seq).toBe(4);
  });

  it('I11: a Redis that is behind the database is doubted and loaded anew', async () => {
    const saleId = await saleWithOrders(2);
    await redis().hset(keysOf(saleId).meta, 'seq', 1);
    expect(await api.get(Doubts).about(saleId)).toBe('behind_database');
    await api.get(Recovery).recover(saleId);
    expect(await api.get(Doubts).about(saleId)).toBeUndefined();
    await expectBooksToBalance(api, saleId);
  });

  it.each([
    ['another server wrote it', 'boot', 'f'.repeat(40)], ['it is of an older epoch', 'epoch', '0'],
    ['it is of a newer epoch', 'epoch', '99'], ['it is being loaded', 'state', 'loading'],
    ['it is being recovered', 'state', 'recovering'],
  ])('I12: nothing is sold from a snapshot when %s', async (_, field, forged) => {
    const saleId = await api.client.openSale();
    const { meta } = keysOf(saleId);
    const honest = await redis().hget(meta, field) ?? '';
    await redis().hset(meta, field, forged);
    const before = await redis().hgetall(meta);
    const answer = await api.client.buy(saleId, 'ann', { key: 'same' });
    expectProblem(answer, 'TEMPORARILY_UNAVAILABLE');
    expect(await redis().hgetall(meta)).toEqual(before);
    await redis().hset(meta, field, honest);
    expect((await api.client.buy(saleId, 'ann', { key: 'same' })).status).toBe(202);
  });

  it('I12: nothing is sold from a Redis that knows nothing of the sale', async () => {
    const saleId = await api.client.openSale();
    await redis().del(keysOf(saleId).meta);
    expectProblem(await api.client.buy(saleId, 'ann'), 'TEMPORARILY_UNAVAILABLE');
  });
});

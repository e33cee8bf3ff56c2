import { RedisConnections } from '../../src/infra/redis';
import { StockRedis } from '../../src/stock';
import { expectBooksToBalance } from '../support/books';
import { createInstallation, TestProduct, type Installation } from '../support/product';
import { until } from '../support/until';

jest.setTimeout(180_000);

/** Somebody has emptied queue and timers by hand: the units are in flight, and nobody carries them. */
describe('a reservation of which only its record is left', () => {
  let installation: Installation;
  let api: TestProduct;
  let worker: TestProduct | undefined;

  beforeAll(async () => {
    installation = await createInstallation();
    api = await start('api');
  });

  afterAll(async () => {
    await Promise.all([api.stop(), worker?.stop()]);
    await installation.drop();
  });

  const start = (roles: string) =>
    TestProduct.start({ ROLES: roles, RESERVATION_LEASE_SECONDS: '1' }, installation);

  it('is found by reconciliation once its lease is over, and becomes an order', async () => {
    const { client } = api;
    const saleId = await client.openSale();
    const { status, body: { id } } = await client.buy(saleId, 'ann');
    expect(status).toBe(202);
    const { outbox, due } = api.get(StockRedis).keys(saleId);
    await api.get(RedisConnections).general.del(outbox, due);
    worker = await start('worker');
    await until('the order has a row', async () => {
      await client.reconcile(saleId);
      return (await client.find(id, 'ann')).body.status === 'pending_payment';
    });
    const { redis } = await expectBooksToBalance(api, saleId);
    expect(redis.counters).toMatchObject({ available: 9, reserved: 0, ordered: 1 });
  });
});

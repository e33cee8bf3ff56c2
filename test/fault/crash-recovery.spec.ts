import { checkBooks } from './support/books';
import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';

jest.setTimeout(120_000);

/** Crashes inside the steps that change both sides at once: S11 and S12 of docs/protocol.md. */
describe('a process dies inside a recovery or an adjustment', () => {
  let servers: PrivateServers;
  let deployment: Deployment;

  beforeAll(async () => { servers = await PrivateServers.start(); });
  afterAll(async () => { await servers.stop(); });
  beforeEach(async () => { deployment = await Deployment.create(servers); });
  afterEach(async () => { await deployment.stop(); });

  it('S12: an increase is in the database only: a retry brings it to Redis, once', async () => {
    const dying = await deployment.start({ failpoint: 'adjust-between-sides' });
    const saleId = await dying.client.openSale();
    await expect(dying.client.adjust(saleId, 5, 'delivery')).rejects.toThrow();
    const { client } = await deployment.start();
    expect((await client.adjust(saleId, 5, 'delivery')).status).toBe(200);
    expect((await client.adjust(saleId, 5, 'delivery')).status).toBe(200);
    const { database, redis } = await checkBooks(deployment, saleId, []);
    expect([database.total, redis.available]).toEqual([15, 15]);
  });

  it('S12: a decrease is in Redis only: reconciliation brings it over, once', async () => {
    const dying = await deployment.start({ failpoint: 'adjust-between-sides' });
    const saleId = await dying.client.openSale();
    await expect(dying.client.adjust(saleId, -3, 'breakage')).rejects.toThrow();
    const { client } = await deployment.start();
    expect((await client.reconcile(saleId)).status).toBe(200);
    expect((await client.adjust(saleId, -3, 'breakage')).status).toBe(200);
    const { database, redis } = await checkBooks(deployment, saleId, []);
    expect([database.total, redis.available]).toEqual([7, 7]);
  });

  it.each([
    ['the sale is closed for buying', 'recovery-after-close'],
    ['the epoch is new, nothing is loaded', 'recovery-after-epoch'],
    ['half of the records are loaded', 'recovery-during-load'],
  ])('S11: %s: another process recovers from the start', async (_row, failpoint) => {
    const first = await deployment.start();
    const saleId = await first.client.openSale({ stock: 20 });
    const order = await first.client.order(saleId, 'alice');
    await first.client.cancel(order.id, 'alice');
    await first.client.pay((await first.client.order(saleId, 'bob')).id, 'bob');
    const crowd = deployment.crowd(saleId);
    await crowd.press(8);
    await Promise.all([first.end(), servers.killRedis()]);
    await servers.startRedis();
    const dying = await deployment.launch({ failpoint });
    expect(await dying.ended).toBe('SIGKILL');
    const { client } = await deployment.start();
    await crowd.press(15);
    const { database, paid } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect([crowd.acknowledged.length, database.allocated, paid]).toEqual([19, 20, 1]);
    expect((await client.find(order.id, 'alice')).body.status).toBe('cancelled');
  });
});

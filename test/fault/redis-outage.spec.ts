import { checkBooks } from './support/books';
import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';

jest.setTimeout(300_000);

/** What test/fault/scenarios cannot say of every crowd. */
describe('Redis fails', () => {
  let servers: PrivateServers;
  let deployment: Deployment;

  beforeAll(async () => { servers = await PrivateServers.start(); });
  afterAll(async () => { await servers.stop(); });
  beforeEach(async () => { deployment = await Deployment.create(servers); });
  afterEach(async () => { await deployment.stop(); });

  it('started again with an empty disk: its records come back from the orders', async () => {
    const { client } = await deployment.start();
    const saleId = await client.openSale({ stock: 30 });
    const cancelled = await client.order(saleId, 'alice', { key: 'key' });
    await client.cancel(cancelled.id, 'alice');
    await client.pay((await client.order(saleId, 'bob')).id, 'bob');
    const crowd = deployment.crowd(saleId);
    await crowd.press(15);
    await checkBooks(deployment, saleId, crowd.acknowledged);
    await servers.killRedis();
    servers.emptyRedis();
    await servers.startRedis();
    expect(await crowd.askAgain()).toEqual(crowd.acknowledged.map(({ orderId }) => orderId));
    const replay = await client.buyInTheEnd(saleId, 'alice', { key: 'key' });
    expect([replay.body.id, replay.body.status]).toEqual([cancelled.id, 'cancelled']);
    const again = await Promise.all(['bob', ...crowd.acknowledged.map(({ userId }) => userId)]
      .map((userId) => client.buyInTheEnd(saleId, userId)));
    expect(new Set(again.map(({ body }) => body.code))).toEqual(new Set(['LIMIT_EXCEEDED']));
    const { redis } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect(redis).toMatchObject({ available: 14, ordered: 15, sold: 1 });
    await crowd.press(20);
    const { database } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect([crowd.acknowledged.length, database.allocated]).toEqual([29, 30]);
  });

  it('it may evict keys: a process refuses to start and says what to set', async () => {
    await deployment.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const refused = await deployment.launch();
    const end = await Promise.race([refused.ended, refused.ready.then(() => 'it started')]);
    await deployment.redis.config('SET', 'maxmemory-policy', 'noeviction');
    expect(end).toBe('exit code 1');
    expect(refused.output).toMatch(/its maxmemory-policy is allkeys-lru\. Set .*noeviction/);
  });
});

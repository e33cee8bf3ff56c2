import { until } from '../support/until';
import { checkBooks } from './support/books';
import { Deployment } from './support/deployment';
import { PrivateServers } from './support/private-servers';

jest.setTimeout(120_000);

describe('Redis fails under load', () => {
  let servers: PrivateServers;
  let deployment: Deployment;

  beforeAll(async () => { servers = await PrivateServers.start(); });
  afterAll(async () => { await servers.stop(); });
  beforeEach(async () => { deployment = await Deployment.create(servers); });
  afterEach(async () => { await deployment.stop(); });

  it('killed, started again: the sale reopens by itself, and nothing is lost', async () => {
    const { client } = await deployment.start();
    const saleId = await client.openSale({ stock: 100_000 });
    const crowd = deployment.crowd(saleId);
    crowd.start();
    await crowd.acknowledge(300);
    await servers.killRedis();
    const killedAt = performance.now();
    await servers.startRedis();
    const startedAt = performance.now();
    await crowd.acknowledge(1);
    const now = performance.now();
    process.stdout.write(`Redis killed under load: first purchase accepted ${
      Math.round(now - startedAt)} ms after it was back, ${
      Math.round(now - killedAt)} ms after its end\n`);
    await crowd.acknowledge(300);
    await crowd.finish();
    const { rows } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect(rows.filter(({ status }) => status === 'rejected')).toEqual([]);
  });

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
    const replay = await client.buy(saleId, 'alice', { key: 'key' });
    expect([replay.body.id, replay.body.status]).toEqual([cancelled.id, 'cancelled']);
    const again = await Promise.all(['bob', ...crowd.acknowledged.map(({ userId }) => userId)]
      .map((userId) => client.buy(saleId, userId)));
    expect(new Set(again.map(({ body }) => body.code))).toEqual(new Set(['LIMIT_EXCEEDED']));
    const { redis } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect(redis).toMatchObject({ available: 14, ordered: 15, sold: 1 });
    await crowd.press(20);
    const { database } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect([crowd.acknowledged.length, database.allocated]).toEqual([29, 30]);
  });

  it('started again without its latest writes: nothing is sold twice', async () => {
    const { client } = await deployment.start();
    const saleId = await client.openSale({ stock: 600 });
    const crowd = deployment.crowd(saleId);
    crowd.start();
    await crowd.acknowledge(300);
    await servers.killRedis();
    servers.cutRedis(0.4);
    await servers.startRedis();
    await crowd.sellOut();
    await crowd.finish();
    const { rows, database } = await checkBooks(deployment, saleId, []);
    const ids = new Set(rows.map(({ rid }) => rid));
    const lost = crowd.acknowledged.filter(({ orderId }) => !ids.has(orderId));
    process.stdout.write(`Redis without its latest writes: lost ${lost.length} of ${
      crowd.acknowledged.length} acknowledged purchases, sold ${database.allocated} of 600\n`);
    expect(database.allocated).toBeLessThanOrEqual(600);
    expect(database.epoch).toBeGreaterThan(1);
  });

  it('it hangs: buyers are told to come back, and who does is served, once', async () => {
    const { client } = await deployment.start();
    const saleId = await client.openSale({ stock: 300 });
    const crowd = deployment.crowd(saleId);
    crowd.start();
    await crowd.acknowledge(50);
    servers.freezeRedis();
    const refused = await client.buy(saleId, 'alice', { key: 'key' });
    servers.thawRedis();
    expect([refused.status, refused.body.code, refused.headers['retry-after']])
      .toEqual([503, 'TEMPORARILY_UNAVAILABLE', '1']);
    const served = await until('the buyer who came back is served', async () => {
      const { status } = await client.buy(saleId, 'alice', { key: 'key' });
      return status !== 503 && status;
    });
    expect([200, 202]).toContain(served);
    await crowd.sellOut();
    await crowd.finish();
    const { database } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect([crowd.acknowledged.length, database.allocated]).toEqual([299, 300]);
  });

  it('its memory is full: nothing is sold, units still come back, later the rest sells', async () => {
    const { client } = await deployment.start();
    const saleId = await client.openSale({ stock: 5 });
    const order = await client.order(saleId, 'alice');
    await deployment.redis.config('SET', 'maxmemory', 1);
    const refused = await client.buy(saleId, 'bob');
    const cancelled = await client.cancel(order.id, 'alice');
    const { redis } = await client.stock(saleId);
    await deployment.redis.config('SET', 'maxmemory', 0);
    expect([refused.status, refused.body.code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
    expect([cancelled.body.status, redis.available]).toEqual(['cancelled', 5]);
    const crowd = deployment.crowd(saleId);
    await crowd.press(8);
    const { database } = await checkBooks(deployment, saleId, crowd.acknowledged);
    expect([crowd.acknowledged.length, database.allocated]).toEqual([5, 5]);
  });

  it('its scripts are flushed: every purchase is still answered once', async () => {
    const { client } = await deployment.start();
    const saleId = await client.openSale({ stock: 100_000 });
    const crowd = deployment.crowd(saleId);
    crowd.start();
    for (let flushes = 0; flushes < 5; flushes += 1) {
      await deployment.redis.script('FLUSH');
      await crowd.acknowledge(50);
    }
    await crowd.finish();
    await checkBooks(deployment, saleId, crowd.acknowledged);
    expect([...crowd.refusals]).toEqual([]);
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

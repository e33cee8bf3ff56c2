import { Metrics } from '../../../src/infra/metrics';
import { AdmissionRedis, FencedServers, isCluster, markOf, RedisConnections }
  from '../../../src/infra/redis';
import { slotOf } from '../../../src/infra/redis/slot';
import { RiskRedis } from '../../../src/risk/signals';
import { CaptchaClient, pictureText } from '../../support/captcha-client';
import { admin } from '../../support/client';
import { expectBooksToBalance } from '../../support/books';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { RedisCluster } from '../../support/redis-cluster';
import { testConfig } from '../../support/stack';
import { until } from '../../support/until';

jest.setTimeout(180_000);

describe('the product on a Redis Cluster', () => {
  let cluster: RedisCluster;
  let product: TestProduct;

  beforeAll(async () => {
    cluster = await RedisCluster.start();
    product = await TestProduct.start({ REDIS_URL: cluster.url, RISK: 'on', CAPTCHA: 'off',
      HOLDS_PER_USER: '2', HOLDS_PER_DEVICE: '2', THROTTLE_USER: '5/60', THROTTLE_IP: '5000/60',
      THROTTLE_DEVICE: '5000/60' });
    await until('it is ready', async () =>
      (await product.client.call('GET', '/health/ready')).status === 200, 60_000);
    // The caps alone: no rule refuses anybody.
    await product.client.call('PUT', '/admin/v1/risk/rules', {
      as: { userId: 'reviewer', roles: ['risk'] }, body: { refuseAbove: 0.7, captchaAbove: 0.4,
        captchaAfterAttemptsPerMinute: 10_000, rules: [] } });
  });

  afterAll(async () => {
    await product.stop();
    await cluster.stop();
  });

  it('sells, answers a key again, takes money and gives units back, and its books balance', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 5, limitPerUser: 2 });
    // By one call: whatever asks again is told in her timeline, too.
    const { status, body: paid } = await client.buy(saleId, 'ann',
      { key: 'key', quantity: 2, headers: { prefer: 'wait=20' } });
    expect(status).toBe(201);
    const again = await client.buy(saleId, 'ann', { key: 'key', quantity: 2 });
    expect(again.body.id).toBe(paid.id);
    expectProblem(await client.buy(saleId, 'ann'), 'LIMIT_EXCEEDED');
    await client.pay(paid.id, 'ann');
    const { id } = await client.order(saleId, 'bob', { quantity: 2 });
    expect((await client.cancel(id, 'bob')).status).toBe(200);
    expect((await client.adjust(saleId, 3)).status).toBe(200);
    expect(await client.atRest(saleId)).toMatchObject({ redis: { available: 6, sold: 2 } });
    await expectBooksToBalance(product, saleId);
    const story = await client.call<{ items: { outcome: string }[] }>('GET',
      `/admin/v1/sales/${saleId}/buyers/ann/timeline`, { as: admin });
    expect(story.body.items.map(({ outcome }) => outcome))
      .toEqual(['created', 'known', 'LIMIT_EXCEEDED']);
  });

  it('has sales on all of its nodes, and shows what each has left in one answer', async () => {
    const stocks = Array.from({ length: 30 }, (_, index) => index + 1);
    const ids = await Promise.all(stocks.map((stock) => product.client.openSale({ stock })));
    expect(new Set(ids.map((id) => Math.floor(slotOf(`{${id}}`) * 3 / 16_384))).size).toBe(3);
    const counts = await until('all are shown', async () => {
      const { body } = await product.client.call<{ items: { id: string; available?: number }[] }>(
        'GET', '/v1/sales');
      const shown = new Map(body.items.map(({ id, available }) => [id, available]));
      // Shown without a number while a node did not answer in time.
      return ids.every((id) => shown.get(id) !== undefined) && ids.map((id) => shown.get(id));
    }, 60_000);
    expect(counts).toEqual(stocks);
  });

  it('lets nobody ask more often than he may, and those behind his address not pay for it', async () => {
    const saleId = await product.client.openSale();
    const admission = product.get(AdmissionRedis);
    const ofAddress = () =>
      admission.connection.llen(admission.key('throttle', 'ip', admission.identity('127.0.0.1')));
    const before = await ofAddress();
    const answers = [];
    for (let i = 0; i < 8; i += 1) answers.push(await product.client.buy(saleId, 'greedy'));
    expect(answers.filter(({ body: { code } }) => code === 'RATE_LIMITED')).toHaveLength(3);
    expect(await ofAddress() - before).toBe(5);
    expect((await product.client.buy(saleId, 'modest')).status).toBe(202);
  });

  it('counts an identity on one node, by whatever name', async () => {
    const saleId = await product.client.openSale();
    const [user, device, ip] = ['ann{1}', 'phone{2}', '127.0.0.1'];
    await product.client.buy(saleId, user, { headers: { 'x-device-id': device } });
    const [admission, risk] = [product.get(AdmissionRedis), product.get(RiskRedis)];
    const throttled = (scope: string, id: string) =>
      admission.key('throttle', scope, admission.identity(id));
    for (const keys of [
      [throttled('user', user), risk.user(user), risk.userHolds(user)],
      [throttled('device', device), risk.deviceHolds(markOf(device))],
      [throttled('ip', ip), risk.ipUsers(ip)],
    ]) {
      const found = await Promise.all(keys.map((key) => admission.connection.exists(key)));
      expect(found).toEqual(keys.map(() => 1));
      expect(new Set(keys.map(slotOf)).size).toBe(1);
    }
  });

  it('caps unpaid orders of a device, and keeps no place of a user that it refused', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 100, limitPerUser: 5 });
    const headers = { 'x-device-id': 'one-phone' };
    const order = await client.order(saleId, 'member-1', { headers });
    expect((await client.buy(saleId, 'member-2', { headers })).status).toBe(202);
    expectProblem(await client.buy(saleId, 'member-3', { headers }), 'LIMIT_EXCEEDED');
    const alone = [await client.buy(saleId, 'member-3'), await client.buy(saleId, 'member-3')];
    expect(alone.map(({ status }) => status)).toEqual([202, 202]);
    expectProblem(await client.buy(saleId, 'member-3'), 'LIMIT_EXCEEDED');
    await client.cancel(order.id, 'member-1');
    let next = 0;
    await until('the device has a place again', async () =>
      (await client.buy(saleId, `next-${next += 1}`, { headers })).status === 202, 60_000);
  });

  it('sells to whoever has solved his captcha', async () => {
    const captcha = new CaptchaClient(product);
    const saleId = await product.client.openSale({ protection: { captcha: 'always' } });
    expectProblem(await product.client.buy(saleId, 'cat'), 'CAPTCHA_REQUIRED');
    const picture = await captcha.posePicture(saleId, 'cat');
    const { body: { captchaToken } } = await captcha.answer(picture, 'cat', pictureText);
    const bought = await product.client.buy(saleId, 'cat',
      { headers: { 'x-captcha-token': captchaToken } });
    expect(bought.status).toBe(202);
  });

  it('says sold out from memory, and sells what comes back', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 1 });
    const { id } = await client.order(saleId, 'dan');
    let strangers = 0;
    const ask = () => client.buy(saleId, `stranger-${strangers += 1}`);
    await until('the process refuses from memory', async () => {
      await Promise.all(Array.from({ length: 30 }, ask));
      const { values } = await product.get(Metrics).soldOutFromMemoryTotal.get();
      return (values[0]?.value ?? 0) > 0;
    }, 60_000);
    await client.cancel(id, 'dan');
    await until('the unit is sold again', async () => (await ask()).status === 202, 60_000);
    await expectBooksToBalance(product, saleId);
  });

  it('tells a script the run id of the server that runs it, also when its keys were elsewhere', async () => {
    const connections = new RedisConnections(testConfig({ REDIS_URL: cluster.url,
      DATABASE_URL: 'mysql://database/shop' }));
    try {
      const lua = "return { ARGV[1], redis.call('INFO', 'server'):match('run_id:(%w+)') }";
      const servers = new FencedServers(connections, [{ name: 'where', numberOfKeys: 1, lua }]);
      const { map } = connections;
      if (map === undefined) throw new Error('There is no Cluster');
      await until('all are known', async () => map.masters.length === 3 && servers.areAllThere, 60_000);
      for (const key of ['a', 'b', 'c']) {
        const runIds = new Set<string | undefined>();
        for (const elsewhere of map.masters) {
          const masterOf = jest.spyOn(map, 'masterOf').mockReturnValue(elsewhere);
          const [told, runId] = await servers.run('where', [key], (boot) => [boot]) as string[];
          masterOf.mockRestore();
          expect(told).toBe(runId);
          runIds.add(runId);
        }
        expect(runIds.size).toBe(1); // that of its server, whichever was asked first
      }
    } finally {
      connections.onApplicationShutdown();
    }
  });

  it('lets the connection on which a worker waits end with several nodes, and begin again', async () => {
    const connections = new RedisConnections(testConfig({ REDIS_URL: cluster.url,
      DATABASE_URL: 'mysql://database/shop' }));
    const queues = connections.forQueues({ maxRetriesPerRequest: null });
    if (queues === undefined || !isCluster(queues)) throw new Error('There is no Cluster');
    const copy = queues.duplicate();
    try {
      await Promise.all(['a', 'b', 'c'].map((key) => copy.get(key))); // on a node each
      copy.disconnect();
      await until('it can be used again', async () => {
        if (copy.status === 'end') await copy.connect();
        return copy.status === 'ready';
      }, 60_000);
    } finally {
      copy.disconnect();
      connections.onApplicationShutdown();
    }
  });

  it('does not start while a master may throw away what it promised', async () => {
    const connections = new RedisConnections(testConfig({ REDIS_URL: cluster.url,
      DATABASE_URL: 'mysql://database/shop' }));
    await cluster.configure(2, 'maxmemory-policy', 'allkeys-lru');
    try {
      await expect(connections.onModuleInit()).rejects.toThrow('maxmemory-policy is allkeys-lru');
    } finally {
      await cluster.configure(2, 'maxmemory-policy', 'noeviction');
      connections.onApplicationShutdown();
    }
  });
});

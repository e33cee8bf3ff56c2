import { StockGate } from '../../../src/stock';
import { afterNext } from '../../support/after-next';
import { FaultProxy } from '../../support/fault-proxy';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { until } from '../../support/until';
import { ReplicatedRedis } from './replicated-redis';

jest.setTimeout(240_000);

describe('DURABILITY=replica', () => {
  let servers: ReplicatedRedis;
  let proxy: FaultProxy;
  let installation: Installation;
  let product: TestProduct;
  let worker: TestProduct | undefined;

  beforeEach(async () => {
    servers = await ReplicatedRedis.start();
    proxy = await FaultProxy.start(servers.masterPort);
    installation = await createInstallation();
    product = await start('api');
  });
  afterEach(async () => {
    await product.stop();
    await worker?.stop();
    worker = undefined;
    await installation.drop();
    await proxy.stop();
    await servers.stop();
  });

  const start = (roles: string) => TestProduct.start({ REDIS_URL: proxy.url('redis'),
    DURABILITY: 'replica', ROLES: roles }, installation);
  const ready = () => product.client.call('GET', '/health/ready');

  /** The product reaches the server that takes over, as by a virtual address. */
  async function failOver() {
    await servers.failOver();
    proxy.retarget(servers.masterPort);
    proxy.cut();
  }

  async function expectOneOrder(saleId: string, orderId: string) {
    const { redis, database } = await product.client.atRest(saleId);
    expect([redis.available, redis.ordered, database.allocated]).toEqual([9, 1, 1]);
    await product.client.inStatus(orderId, 'alice', 'pending_payment');
  }

  it('a replica that lags: nobody is told so, and the same key finds its one order', async () => {
    const saleId = await product.client.openSale();
    let unsafe = 0;
    const buy = async () => {
      const answer = await product.client.buy(saleId, 'alice', { key: 'key' });
      // On a busy machine Redis itself may not answer in time: that is another refusal.
      if (/not yet safe/.test(answer.body.detail ?? '')) unsafe += 1;
      return answer;
    };
    servers.link.hang();
    // The second finds the units held, and must not be told either.
    await until('it is refused twice', async () => {
      const answer = await buy();
      expect([answer.status, answer.body.code, answer.headers['retry-after']])
        .toEqual([503, 'TEMPORARILY_UNAVAILABLE', '1']);
      return unsafe === 2;
    });
    expect((await product.client.stock(saleId)).redis.reserved).toBe(1);
    servers.link.flow();
    const served = await until('the buyer who came back is served', async () => {
      const answer = await buy();
      return answer.status !== 503 && answer;
    });
    expect(served.status).toBe(202);
    worker = await start('worker');
    await expectOneOrder(saleId, served.body.id);
    const { text } = await product.client.call('GET', '/metrics');
    expect(text).toContain(`durability_failures_total{scheme="replica"} ${unsafe}\n`);
    expect(text).toContain(`durability_wait_seconds_count{scheme="replica"} ${unsafe + 1}\n`);
  });

  it('what it answered with 202 outlives the master, however slow its replica is', async () => {
    const saleId = await product.client.openSale();
    servers.link.delay(300);
    const promises = await Promise.all(Array.from({ length: 8 }, (_, number) =>
      until('the buyer is told yes', async () => {
        // Whoever a busy machine lets wait for more than a second is told to ask again.
        const { status, body } = await product.client.buy(saleId, `buyer-${number}`, { key: 'key' });
        return status === 202 && body;
      })));
    await failOver();
    servers.link.delay(0);
    await servers.startReplica();
    // Whatever it writes it knows from the replica.
    worker = await start('worker');
    for (const { id, userId } of promises) {
      await product.client.inStatus(id, userId, 'pending_payment');
    }
    const { database } = await product.client.atRest(saleId);
    expect(database.allocated).toBe(8);
  });

  it('the master dies before it was waited for: no promise, one order in the end', async () => {
    worker = await start('worker');
    servers.link.hang();
    let saleId = '';
    let isGone = false;
    afterNext(product.get(StockGate), 'reserve', () => true,
      () => failOver().then(() => { isGone = true; }));
    // A purchase that had no answer of Redis in time kills nobody: then the next sale's.
    await until('the master is gone', async () => {
      saleId = await product.client.openSale();
      const lost = await product.client.buy(saleId, 'alice', { key: 'key' });
      expect([lost.status, lost.body.code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
      return isGone;
    });
    await servers.startReplica();
    const served = await until('the buyer who came back is served', async () => {
      const answer = await product.client.buy(saleId, 'alice', { key: 'key' });
      return answer.status !== 503 && answer;
    }, 60_000);
    expect([200, 202]).toContain(served.status);
    await expectOneOrder(saleId, served.body.id);
  });

  it('is ready only while enough replicas follow', async () => {
    worker = await start('worker');
    const up = await until('it is ready', async () => {
      const answer = await ready();
      return answer.status === 200 && answer;
    });
    expect(up).toMatchObject({ body: { details: {
      durability: { status: 'up', scheme: 'replica', replicas: 1, replicasNeeded: 1 } } } });
    await servers.detachReplica();
    const down = await until('the loss is seen', async () => {
      const { status, text } = await ready();
      const { details } = JSON.parse(text) as { details: { durability: { replicas?: number } } };
      // On a busy machine it may be not ready for another reason.
      return status === 503 && details.durability.replicas === 0 && details;
    });
    expect(down).toMatchObject({
      durability: { status: 'down', scheme: 'replica', replicas: 0, replicasNeeded: 1 } });
    await servers.attachReplica();
    await until('it is ready again', async () => (await ready()).status === 200);
  });
});

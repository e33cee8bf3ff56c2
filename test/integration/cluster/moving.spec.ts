import { Queues } from '../../../src/infra/queue';
import { SaleEpochs } from '../../../src/stock';
import { expectBooksToBalance } from '../../support/books';
import { Crowd } from '../../support/crowd';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { RedisCluster } from '../../support/redis-cluster';
import { until } from '../../support/until';

const stock = 20_000;

jest.setTimeout(300_000);

describe('a sale on a Redis Cluster whose nodes change', () => {
  let cluster: RedisCluster;
  let installation: Installation;
  /** Answers once the master has a purchase, and does all the work behind it. */
  let product: TestProduct;
  /** Answers once a replica has it, too: what it said must hold whichever node dies. */
  let strict: TestProduct;
  let crowd: Crowd;

  beforeAll(async () => {
    cluster = await RedisCluster.start();
    installation = await createInstallation();
    const start = (environment: Record<string, string>) => TestProduct.start(
      { REDIS_URL: cluster.url, RESERVATION_LEASE_SECONDS: '2', ...environment }, installation);
    [product, strict] = await Promise.all([start({}), start({ ROLES: 'api', DURABILITY: 'replica' })]);
    await until('both are ready', async () => {
      const answers = await Promise.all([product, strict].map(({ client }) =>
        client.call('GET', '/health/ready')));
      return answers.every(({ status }) => status === 200);
    }, 60_000);
  });

  afterEach(() => { crowd.abandon(); });

  // What waits for a node as long as it takes, does so for a minute.
  afterAll(async () => {
    await Promise.all([product, strict].map((process) => process.stop()));
    await installation.drop();
    await cluster.stop();
  }, 240_000);

  /** Takes most of the stock away, lets the crowd buy the rest, and looks whether all is right. */
  async function sellOut(saleId: string): Promise<void> {
    await until('the stock is lowered', async () => {
      const { redis: { available } } = await product.client.stock(saleId);
      return (await product.client.adjust(saleId, 300 - available)).status === 200;
    }, 60_000);
    await crowd.sellOut();
    await crowd.finish();
    const { stock: { total, allocated }, orders } = await expectBooksToBalance(product, saleId);
    expect(allocated).toBe(total);
    const kept = new Set(orders.filter(({ status }) => status === 'pending_payment')
      .map(({ id }) => id));
    expect(crowd.acknowledged.filter(({ orderId }) => !kept.has(orderId))).toEqual([]);
  }

  const epochOf = async (saleId: string) => (await product.get(SaleEpochs).now(saleId)).epoch;

  it('goes on by itself after its slot was moved to another node while it sold', async () => {
    const saleId = await product.client.openSale({ stock });
    const key = `{${saleId}}`;
    const epoch = await epochOf(saleId);
    crowd = new Crowd(() => [product.client, strict.client], saleId);
    crowd.start(6);
    await crowd.acknowledge(40);
    const to = (await cluster.placeOf(key) + 1) % 3;
    await cluster.move(key, to, 50);
    await crowd.acknowledge(40);
    // Its data came from a server that was not the one which has it now: it was loaded anew.
    expect(await epochOf(saleId)).toBeGreaterThan(epoch);
    await sellOut(saleId);
  });

  it('goes on by itself after its master was replaced in an orderly way', async () => {
    const saleId = await product.client.openSale({ stock });
    const epoch = await epochOf(saleId);
    crowd = new Crowd(() => [product.client, strict.client], saleId);
    crowd.start(6);
    await crowd.acknowledge(40);
    await cluster.handOver(`{${saleId}}`);
    await crowd.acknowledge(40);
    expect(await epochOf(saleId)).toBeGreaterThan(epoch);
    await sellOut(saleId);
  });

  it('goes on by itself after its master was killed, and keeps what a replica had', async () => {
    // The node of a queue as well: its worker waits there for jobs.
    const sweeps = product.get(Queues).all().find(({ name }) => name === 'order-sweeps');
    const node = await cluster.placeOf(`{${product.config.redisNamespace}-order-sweeps}`);
    const saleId = await until('a sale is on that node', async () => {
      const id = await product.client.openSale({ stock });
      return await cluster.placeOf(`{${id}}`) === node && id;
    }, 60_000);
    const key = `{${saleId}}`;
    crowd = new Crowd(() => [strict.client], saleId);
    crowd.start(6);
    await crowd.acknowledge(40);
    await cluster.kill(node);
    await cluster.failedOver(key, node);
    // With one key: a purchase that was made may have had no answer.
    await until('the sale goes on without any replica', async () =>
      (await product.client.buy(saleId, 'first', { key: 'first' })).status < 300, 60_000);
    await cluster.restart(node);
    await crowd.acknowledge(40);
    await sellOut(saleId);
    const finished = async () => (await sweeps?.getMetrics('completed', 0, 0))?.meta.count ?? 0;
    const before = await finished();
    await until('the queue goes on, too', async () => await finished() > before, 60_000);
  });
});

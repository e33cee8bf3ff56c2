import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { RedisCluster } from '../../support/redis-cluster';
import { SegmentedSale } from '../../support/segmented-sale';
import { until } from '../../support/until';

jest.setTimeout(300_000);

describe('a sale in segments on a Redis Cluster', () => {
  let cluster: RedisCluster;
  let installation: Installation;
  let product: TestProduct;

  beforeAll(async () => {
    cluster = await RedisCluster.start();
    installation = await createInstallation();
    product = await TestProduct.start({ REDIS_URL: cluster.url, RESERVATION_LEASE_SECONDS: '2' },
      installation);
    await until('it is ready', async () =>
      (await product.client.call('GET', '/health/ready')).status === 200, 60_000);
  });

  // What waits for a node as long as it takes, does so for a minute.
  afterAll(async () => {
    await product.stop();
    await installation.drop();
    await cluster.stop();
  }, 240_000);

  /** Segments of the sale, by the place of the node that has them. */
  async function segmentsByNode(sale: SegmentedSale): Promise<Map<number, number[]>> {
    const nodes = await Promise.all(sale.stockIds.map((id) => cluster.placeOf(`{${id}}`)));
    return Map.groupBy(nodes.keys(), (segment) => nodes[segment] ?? -1);
  }

  /** One that lies on all three nodes. */
  const openSale = (stock: number) => until('a sale lies on all nodes', async () => {
    const sale = await SegmentedSale.open(product, { stock, segments: 6 });
    return (await segmentsByNode(sale)).size === 3 && sale;
  }, 60_000);

  it('lends units from node to node, and sells exactly its stock', async () => {
    const sale = await openSale(60);
    const answers = await Promise.all(sale.buyersOf(0, 80).map((userId) => sale.press(userId)));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(60);
    expect(answers.filter(({ body: { code } }) => code === 'SOLD_OUT')).toHaveLength(20);
    await sale.expectBooksToBalance(60);
  });

  it('sells on where nodes live while another is away, and all of it afterwards', async () => {
    const sale = await openSale(120);
    const byNode = await segmentsByNode(sale);
    const segment = sale.stockIds.length - 1;
    const [node = 0] = [...byNode].find(([, segments]) => segments.includes(segment)) ?? [];
    const [[, [living = 0] = []] = [0]] = [...byNode].filter(([place]) => place !== node);
    await cluster.kill(node);
    await until('a buyer of another node is served', async () =>
      (await sale.press(sale.buyerOf(living))).status === 202, 60_000);
    await cluster.failedOver(`{${sale.stockIds[segment]}}`, node);
    await until('a buyer of the segment that was away is served', async () =>
      (await sale.press(sale.buyerOf(segment))).status === 202, 60_000);
    const crowd = sale.stockIds.flatMap((_, each) => sale.buyersOf(each, 30));
    await Promise.all(crowd.map((userId) => sale.press(userId)));
    await until('all is sold', async () => {
      const { redis: { available } } = await product.client.stock(sale.id);
      await sale.press(sale.buyerOf(living));
      return available === 0;
    }, 60_000);
    await sale.expectBooksToBalance(120);
  });
});

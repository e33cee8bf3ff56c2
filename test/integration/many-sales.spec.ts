import { RedisConnections } from '../../src/infra/redis';
import { StockRedis } from '../../src/stock';
import { TestProduct } from '../support/product';
import { until } from '../support/until';

/** More than the watch, the backlog and the relay look at each time. */
const count = 260;
const openedTogether = 10;

describe('one sale among hundreds', () => {
  let product: TestProduct;
  const saleIds: string[] = [];

  beforeAll(async () => {
    product = await TestProduct.start();
    while (saleIds.length < count) {
      saleIds.push(...await Promise.all(Array.from({ length: openedTogether }, () =>
        product.client.openSale({ stock: 100 }))));
    }
  });
  afterAll(() => product.stop());

  /** The first is looked at early, the last late, whatever the sequence is. */
  const some = [0, count / 2, count - 1];

  it.each(some)('has its order written while another one is busy (sale %i)', async (index) => {
    const [busy, quiet] = [saleIds[index === 0 ? 1 : 0] ?? '', saleIds[index] ?? ''];
    let isWritten = false;
    const crowd = (async () => {
      for (let buyer = 0; buyer < 90 && !isWritten; buyer += 1) {
        await product.client.order(busy, `busy-${index}-${buyer}`);
      }
    })();
    const { id } = await product.client.order(quiet, 'quiet');
    await product.client.inStatus(id, 'quiet', 'pending_payment');
    isWritten = true;
    await crowd;
  });

  it.each(some)('is loaded again when Redis has lost it alone (sale %i)', async (index) => {
    const saleId = saleIds[index] ?? '';
    const { meta, records, users, due } = product.get(StockRedis).keys(saleId);
    await product.get(RedisConnections).general.unlink(meta, records, users, due);
    await until('it sells again', async () =>
      (await product.client.buy(saleId, 'late')).status === 202);
    expect(await product.client.atRest(saleId)).toMatchObject({ drift: 0, consistent: true, total: 100 });
  });
});

import { StockReader } from '../../../src/stock';
import { FaultProxy } from '../../fault/support/fault-proxy';
import { expectBooksToBalance } from '../../support/books';
import { createInstallation, TestProduct } from '../../support/product';
import { until } from '../../support/until';

/** As the driver sends it: a COMMIT by itself, not the end of READ COMMITTED. */
const commit = '\x07\0\0\0\x03COMMIT';

describe('a commit that the database made, and nobody heard of', () => {
  it('gives the units back in Redis, too, although nobody asks again', async () => {
    const installation = await createInstallation();
    const databaseUrl = new URL(installation.environment['DATABASE_URL'] ?? '');
    const way = await FaultProxy.start(Number(databaseUrl.port));
    databaseUrl.port = String(way.port);
    const product = await TestProduct.start({ DATABASE_URL: databaseUrl.href }, installation);
    try {
      const saleId = await product.client.openSale({ stock: 2 });
      const { id } = await product.client.order(saleId, 'ann');
      way.dropReply(commit);
      expect((await product.client.cancel(id, 'ann')).status).toBe(503);
      await until('the unit is back', async () =>
        (await product.get(StockReader).audit(saleId)).available === 2);
      await expectBooksToBalance(product, saleId);
    } finally {
      await product.stop();
      await way.stop();
      await installation.drop();
    }
  });
});

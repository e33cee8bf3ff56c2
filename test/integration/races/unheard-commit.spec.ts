import { StockReader } from '../../../src/stock';
import { expectBooksToBalance } from '../../support/books';
import { FaultProxy } from '../../support/fault-proxy';
import { createInstallation, TestProduct } from '../../support/product';
import { until } from '../../support/until';
import { withoutReconciliation } from '../../support/without-reconciliation';

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
      await withoutReconciliation(product, async () => {
        let buyers = 0;
        // Workers commit, too, and the reply that is lost may be theirs: then another one cancels.
        await until('a buyer is told that nobody knows', async () => {
          const userId = `buyer-${buyers += 1}`;
          const { id } = await product.client.order(saleId, userId);
          way.dropReply(commit);
          return (await product.client.cancel(id, userId)).status === 503;
        }, 45_000);
        await until('the unit is back', async () =>
          (await product.get(StockReader).audit(saleId)).available === 2, 40_000);
      });
      await expectBooksToBalance(product, saleId);
    } finally {
      await product.stop();
      await way.stop();
      await installation.drop();
    }
  }, 180_000);
});

import { Database } from '../../src/infra/database';
import { RedisConnections } from '../../src/infra/redis';
import { Recovery } from '../../src/reconciliation';
import { StockReader, StockRedis } from '../../src/stock';
import { expectBooksToBalance } from '../support/books';
import { expectProblem } from '../support/expect-problem';
import { Freezing, reviewer } from '../support/freezing';
import { TestProduct } from '../support/product';
import { until } from '../support/until';

describe('a sale with a token per unit', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterAll(() => product.stop());

  const open = (changes = {}) => product.client.openSale({ strategy: 'tokens', ...changes });
  const redis = () => product.get(RedisConnections).general;
  const tokens = (saleId: string) => redis().llen(product.get(StockRedis).keys(saleId).tokens);

  it('sells each unit once to a crowd, and no more', async () => {
    const saleId = await open({ stock: 30 });
    const answers = await Promise.all(Array.from({ length: 90 }, (_, i) =>
      product.client.buy(saleId, `buyer-${i}`)));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(30);
    await expectBooksToBalance(product, saleId);
    expect(await tokens(saleId)).toBe(0);
  });

  it('gets no more units than Redis can make tokens of while buyers wait', async () => {
    const saleId = await open({ stock: 10 });
    expectProblem(await product.client.adjust(saleId, 999_991), 'VALIDATION_FAILED');
    expect(await tokens(saleId)).toBe(10);
    expect(await product.client.atRest(saleId)).toMatchObject({ total: 10 });
  });

  it('has as many tokens as units on sale through cancelling, freezing, thawing, restocking',
    async () => {
      const saleId = await open({ limitPerUser: 3 });
      const ann = await product.client.order(saleId, 'ann', { quantity: 3 });
      await product.client.order(saleId, 'bob', { quantity: 2 });
      expect(await tokens(saleId)).toBe(5);
      await product.client.cancel(ann.id, 'ann');
      const { freeze } = new Freezing(product);
      const frozen = await freeze.freeze('bob', reviewer);
      await product.client.atRest(saleId);
      expect(await tokens(saleId)).toBe(10);
      await freeze.thaw(frozen.map(({ id }) => id), reviewer);
      await product.client.adjust(saleId, 4);
      await product.client.adjust(saleId, -7);
      await product.client.atRest(saleId);
      expect(await tokens(saleId)).toBe(5);
      await expectBooksToBalance(product, saleId);
    });

  it.each(['lost', 'of another type'])('is loaded anew when its tokens are %s, and sells on',
    async (fault) => {
      const saleId = await open({ limitPerUser: 3 });
      await product.client.order(saleId, 'ann', { quantity: 3 });
      const { tokens: key } = product.get(StockRedis).keys(saleId);
      // In one step: what is lost may be recovered before a second one.
      await (fault === 'lost' ? redis().unlink(key) : redis().set(key, 'a string'));
      await until('bob is let in', async () =>
        (await product.client.buy(saleId, 'bob', { key: 'press' })).status < 300);
      expect(await tokens(saleId)).toBe(6);
      const { epoch, balanced } = await product.get(StockReader).audit(saleId);
      expect([epoch, balanced]).toEqual([2, true]);
      await expectBooksToBalance(product, saleId);
    });

  it('learns in a load which proofs the database knows as spent, page by page', async () => {
    const saleId = await open();
    const proofs = Array.from({ length: 1_201 }, (_, i) => `proof-${i}`);
    await product.get(Database).execute(
      'INSERT INTO spent_proofs (sale_id, proof_id, rid) VALUES ?',
      [proofs.map((proof) => [saleId, proof, `rid-of-${proof}`])]);
    await product.get(Recovery).recover(saleId, 'drill');
    expect(await redis().hgetall(product.get(StockRedis).keys(saleId).spent))
      .toEqual(Object.fromEntries(proofs.map((proof) => [proof, `rid-of-${proof}`])));
  });
});

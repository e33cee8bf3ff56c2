import { TestProduct } from '../../support/product';
it('boots', async () => {
  const t0 = performance.now();
  const product = await TestProduct.start();
  const t1 = performance.now();
  const { client } = product;
  const sale = await client.openSale();
  const t2 = performance.now();
  const order = await client.order(sale, 'ann');
  const t3 = performance.now();
  console.log(t1 - t0, t2 - t1, t3 - t2, order, await client.atRest(sale));
  await product.stop();
  console.log(performance.now() - t3);
});

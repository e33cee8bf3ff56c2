import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expectBooksToBalance } from '../support/books';
import { FaultProxy } from '../support/fault-proxy';
import { PaymentProduct } from '../support/payment-product';

const run = promisify(execFile);
const root = join(__dirname, '../..');
const example = 'docs/examples/buyer-client.mjs';

jest.setTimeout(240_000);

describe(example, () => {
  let product: PaymentProduct;

  beforeAll(async () => { product = await PaymentProduct.start(); });
  afterAll(() => product.stop());

  const runExample = (saleId: string, url = product.url) =>
    run(process.execPath, [example, url, product.client.tokenOf('ann'), saleId],
      { cwd: root, timeout: 200_000 });

  it('waits for the opening, buys with a sale token and asks where to pay', async () => {
    const saleId = await product.client.openSale({ stock: 1, protection: { saleToken: true },
      opensAt: new Date(Date.now() + 10_000).toISOString() });
    const { stdout } = await runExample(saleId);
    const [waited, held, pay] = stdout.trim().split('\n');
    expect(waited).toMatch(/^opens in \d+ s$/);
    const { body } = await product.client.call<{ items: { id: string; payBefore: string }[] }>(
      'GET', '/v1/orders', { as: 'ann' });
    const [order] = body.items;
    expect(held).toBe(`held ${order?.id ?? ''}`);
    expect(pay).toMatch(new RegExp(`^pay before ${order?.payBefore ?? ''} at http`));
    await expectBooksToBalance(product.product, saleId);
  });

  it('buys once although the answer to its press is lost', async () => {
    const saleId = await product.client.openSale({ stock: 2 });
    const way = await FaultProxy.start(Number(new URL(product.url).port));
    way.dropReply(`/v1/sales/${saleId}/orders`);
    try {
      expect((await runExample(saleId, way.url('http'))).stdout).toMatch(/^held /);
      expect(way.droppedReplies).toBe(1);
    } finally {
      await way.stop();
    }
    expect(await product.client.atRest(saleId)).toMatchObject({ database: { allocated: 1 } });
  });

  it('ends with the refusal when nothing is left', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    await product.client.order(saleId, 'bob');
    await expect(runExample(saleId)).rejects.toMatchObject({ code: 1,
      stderr: expect.stringContaining('SOLD_OUT') });
  });
});

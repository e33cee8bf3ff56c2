import { execFile } from 'node:child_process';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expectBooksToBalance, readBooks } from '../../support/books';
import { TestProduct } from '../../support/product';

const run = promisify(execFile);
const root = join(__dirname, '../../..');
const example = 'docs/examples/tcc-client.mjs';

/** Hands requests on, and loses every other answer: the server has done what the client asks again. */
async function lossy(target: string): Promise<{ url: string; lost: () => number; server: Server }> {
  let count = 0;
  let lost = 0;
  const server = createServer((incoming, outgoing) => {
    const onward = request(target + incoming.url,
      { method: incoming.method, headers: incoming.headers }, (answer) => {
        count += 1;
        if (count % 2 === 1) {
          lost += 1;
          answer.resume().on('end', () => { outgoing.destroy(); });
        } else {
          outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
          answer.pipe(outgoing);
        }
      });
    onward.on('error', () => { outgoing.destroy(); });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, lost: () => lost, server };
}

describe(example, () => {
  let product: TestProduct;
  let token: string;

  beforeAll(async () => {
    product = await TestProduct.start();
    token = product.client.tokenOf({ userId: 'shop', roles: ['service'] });
  });
  afterAll(() => product.stop());

  const runExample = (url: string, saleId: string) =>
    run(process.execPath, [example, url, token, saleId], { cwd: root, timeout: 150_000 });

  const untilWhen = ', to be confirmed before TIME';
  const expected = [`tried ORDER${untilWhen}`, 'confirmed ORDER', `tried ORDER${untilWhen}`,
    'cancelled ORDER', 'cancelled ORDER', 'too late ORDER_STATE_CONFLICT'];
  const linesOf = (stdout: string) => stdout.trim().replaceAll(/order-[0-9a-f-]+/g, 'ORDER')
    .replaceAll(/\d{4}-\S+Z/g, 'TIME').split('\n');

  async function expectOneSold(saleId: string): Promise<void> {
    await product.client.atRest(saleId);
    const { orders, stock } = await readBooks(product, saleId);
    expect(orders.map(({ status }) => status).sort()).toEqual(['cancelled', 'cancelled', 'paid']);
    expect(stock.allocated).toBe(1);
  }

  it('sells one unit, gives one back, and cancels one that it never tried', async () => {
    const saleId = await product.client.openSale();
    const { stdout } = await runExample(product.url, saleId);
    expect(linesOf(stdout)).toEqual(expected);
    await expectOneSold(saleId);
  }, 200_000);

  it('does the same, once, while every other answer is lost', async () => {
    const saleId = await product.client.openSale();
    const { url, lost, server } = await lossy(product.url);
    try {
      const { stdout } = await runExample(url, saleId);
      expect(linesOf(stdout)).toEqual(expected);
      expect(lost()).toBeGreaterThanOrEqual(5);
    } finally {
      server.close();
      server.closeAllConnections();
    }
    await expectOneSold(saleId);
  }, 200_000);

  it('ends with the refusal when nothing is left', async () => {
    const saleId = await product.client.openSale({ stock: 1 });
    await product.client.order(saleId, 'ann');
    await expect(runExample(product.url, saleId)).rejects.toMatchObject({ code: 1,
      stderr: expect.stringContaining('SOLD_OUT') });
    await expectBooksToBalance(product, saleId);
  }, 200_000);
});

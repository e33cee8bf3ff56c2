import { Database } from '../../src/infra/database';
import { FaultProxy } from '../fault/support/fault-proxy';
import { admin } from '../support/client';
import { expectProblem } from '../support/expect-problem';
import { createInstallation, TestProduct, type Installation } from '../support/product';
import { until } from '../support/until';

// Every order is waited for.
jest.setTimeout(180_000);

describe('a product whose database is gone for a while', () => {
  let installation: Installation;
  let way: FaultProxy;
  let product: TestProduct;

  beforeAll(async () => {
    installation = await createInstallation();
    const databaseUrl = new URL(installation.environment.DATABASE_URL ?? '');
    way = await FaultProxy.start(Number(databaseUrl.port));
    databaseUrl.host = `127.0.0.1:${way.port}`;
    product = await TestProduct.start({ DATABASE_URL: databaseUrl.href },
      installation);
  });
  afterAll(async () => {
    await product.stop();
    await way.stop();
    await installation.drop();
  });

  it('leaves it alone, sells on, and writes the orders when it is back', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 100 });
    await client.order(saleId, 'before');
    const { circuit } = product.get(Database);
    await way.refuse();
    await until('left alone', async () => circuit.isOpen);
    await until('the metrics say so', async () =>
      /circuit_open\{dependency="database"\} 1/.test(
        (await client.call('GET', '/metrics', { as: admin })).text));
    const bought = await Promise.all(Array.from({ length: 20 }, (_, index) =>
      client.buy(saleId, `buyer-${index}`)));
    expect(bought.map(({ status }) => status)).toEqual(bought.map(() => 202));
    expectProblem(await client.call('GET', '/v1/orders', { as: 'before' }),
      'TEMPORARILY_UNAVAILABLE');
    await way.accept();
    for (const [index, { body }] of bought.entries()) {
      await client.inStatus(String(body.id), `buyer-${index}`, 'pending_payment');
    }
    expect(circuit.isOpen).toBe(false);
  });
});

import { request } from 'node:http';
import { Metrics } from '../../../src/infra/metrics';
import { Holding } from '../../../src/purchase/holding';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

describe('a buyer who hangs up before his answer', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterAll(() => product.stop());

  async function accepted(): Promise<number> {
    const { values } = await product.get(Metrics).purchaseRequestsTotal.get();
    return values.find(({ labels }) => labels.outcome === 'accepted')?.value ?? 0;
  }

  it('is counted, and finds in his timeline what he got', async () => {
    const { client } = product;
    const saleId = await client.openSale();
    const holding = product.get(Holding);
    const hold = holding.hold.bind(holding);
    const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    jest.spyOn(holding, 'hold').mockImplementationOnce(async (...attempt) => {
      begun.resolve();
      await goOn.promise;
      return hold(...attempt);
    });
    const before = await accepted();
    const press = request(`${product.url}/v1/sales/${saleId}/orders`, { method: 'POST', headers: {
      'authorization': `Bearer ${client.tokenOf('ann')}`, 'idempotency-key': 'press',
      'content-type': 'application/json' } });
    press.on('error', () => undefined);
    press.end('{"quantity":1}');
    await begun.promise;
    const closed = new Promise((resolve) => press.once('close', resolve));
    press.destroy();
    await closed;
    goOn.resolve();
    await until('it is counted', async () => await accepted() === before + 1);
    const { items: [first] } = await until('his timeline has it', async () => {
      const { body } = await client.call<{ items: { outcome: string; orderId: string }[] }>('GET',
        `/v1/sales/${saleId}/me`, { as: 'ann' });
      return body.items.length > 0 && body;
    });
    const again = await client.buy(saleId, 'ann', { key: 'press' });
    expect(first).toMatchObject({ outcome: 'accepted', orderId: again.body.id });
  });
});

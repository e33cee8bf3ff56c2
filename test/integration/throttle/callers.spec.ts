import { admin } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';

const limit = 3;

describe('calls that neither buy nor solve', () => {
  let product: TestProduct;
  let saleId: string;

  beforeAll(async () => {
    product = await TestProduct.start({ THROTTLE_CALLS: `${limit}/600` });
    saleId = await product.client.openSale();
  });
  afterAll(() => product.stop());

  const calls: [string, 'GET' | 'POST', string][] = [
    ['his orders', 'GET', '/v1/orders'],
    ['an order that somebody made up', 'GET', `/v1/orders/${'0'.repeat(32)}`],
    ['his part in a sale', 'GET', '/v1/sales/SALE/me'],
    ['to cancel', 'POST', `/v1/orders/${'0'.repeat(32)}/cancel`],
    ['a look at a payment', 'POST', `/v1/orders/${'0'.repeat(32)}/payment/check`],
    ['events', 'GET', `/v1/orders/${'0'.repeat(32)}/events`],
  ];

  it.each(calls)('are counted for each user: %s', async (what, method, path) => {
    const caller = what.replaceAll(' ', '-');
    const call = (as: string) => product.client.call(method, path.replace('SALE', saleId), { as });
    for (let asked = 0; asked < limit; asked += 1) {
      expect((await call(caller)).status).not.toBe(429);
    }
    const refused = await call(caller);
    expectProblem(refused, 'RATE_LIMITED');
    expect(refused.headers).toMatchObject({ 'ratelimit-policy': `"user";q=${limit};w=600` });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(500);
    expect((await call(`not-${caller}`)).status).not.toBe(429);
  });

  it('are open to whoever works for the shop, and to everybody who needs no token', async () => {
    for (let asked = 0; asked <= limit; asked += 1) {
      expect((await product.client.call('GET', '/v1/orders', { as: admin })).status).toBe(200);
      expect((await product.client.call('GET', '/v1/sales')).status).toBe(200);
    }
  });

  it('do not count against buying', async () => {
    for (let asked = 0; asked <= limit; asked += 1) {
      await product.client.call('GET', '/v1/orders', { as: 'busy' });
    }
    expect((await product.client.buy(saleId, 'busy')).status).toBe(202);
  });
});

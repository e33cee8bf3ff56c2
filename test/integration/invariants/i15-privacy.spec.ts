import type { Method } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';

interface Document { paths: Record<string, Record<string, unknown>> }

describe('I15: an answer about an order', () => {
  let product: TestProduct;
  let saleId: string;

  beforeAll(async () => {
    product = await TestProduct.start();
    saleId = await product.client.openSale();
  });

  afterAll(() => product.stop());

  it('is given to nobody but its owner and admins, at every route there is', async () => {
    const { body } = await product.client.call<Document>('GET', '/openapi.json');
    const routes = Object.entries(body.paths).filter(([path]) => path.includes('{orderId}'))
      .flatMap(([path, methods]) => Object.keys(methods).map((method) =>
        ({ method: method.toUpperCase() as Method, path })));
    expect(routes.length).toBeGreaterThanOrEqual(6);
    const order = await product.client.order(saleId, 'ann');
    await product.client.startPayment(order.id, 'ann');
    const strangers = ['mallory', 'Ann', { userId: 'a', roles: ['viewer', 'risk'] as const }];
    for (const { method, path } of routes) {
      for (const as of strangers) {
        const url = path.replace('{orderId}', order.id);
        const answer = await product.client.call(method, url, { as });
        expectProblem(answer, 'NOT_FOUND');
        expect(answer.text).not.toContain('ann');
      }
    }
    expect((await product.client.find(order.id, 'ann')).body.status).toBe('pending_payment');
  });

  it('is given before there is a row just as afterwards: to its owner alone', async () => {
    const alone = await TestProduct.start({ ROLES: 'api' });
    try {
      const sale = await alone.client.openSale();
      const { body: { id } } = await alone.client.buy(sale, 'ann');
      expect((await alone.client.find(id, 'ann')).body.status).toBe('reserved');
      expectProblem(await alone.client.find(id, 'mallory'), 'NOT_FOUND');
      expectProblem(await alone.client.cancel(id, 'mallory'), 'NOT_FOUND');
      expect((await alone.client.find(id, 'ann')).body.status).toBe('reserved');
    } finally {
      await alone.stop();
    }
  });

  it('is not in the list of anybody else', async () => {
    await product.client.order(saleId, 'bob');
    const { body } = await product.client.call<{ items: { userId: string }[] }>(
      'GET', '/v1/orders', { as: 'bob' });
    expect(body.items.map(({ userId }) => userId)).toEqual(['bob']);
  });

  it('is not given to the same Idempotency-Key of another buyer', async () => {
    const first = await product.client.order(saleId, 'cyd', { key: 'shared' });
    const second = await product.client.order(saleId, 'dan', { key: 'shared' });
    expect(second.id).not.toBe(first.id);
    expect(second.userId).toBe('dan');
  });
});

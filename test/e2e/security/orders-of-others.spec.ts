import { randomInt } from 'node:crypto';
import type { Answer, Method } from '../../support/client';
import { operationsOf } from '../../support/operations';
import { PaymentProduct } from '../../support/payment-product';

let product: PaymentProduct;
let orderId: string;
let routes: { method: Method; path: string }[];

beforeAll(async () => {
  product = await PaymentProduct.start();
  orderId = (await product.startedPayment(await product.client.openSale())).orderId;
  routes = (await operationsOf(product.client))
    .filter(({ path }) => path.startsWith('/v1/orders/{'));
});
afterAll(() => product.stop());

/** Another id that looks like one, of the same user as far as ids show it. */
function unknownId(): string {
  const characters = '0123456789abcdefghjkmnpqrstvwxyz';
  return orderId.slice(0, 2)
    + Array.from(orderId.slice(2), () => characters[randomInt(characters.length)]).join('');
}

/** All that a caller can tell the answers apart by. */
function visible({ status, headers, body, text }: Answer<unknown>) {
  const others = { ...headers, 'date': '', 'x-trace-id': '' };
  return { status, headers: others, body: body && { ...body, traceId: '' }, length: text.length };
}

describe('the order of another buyer', () => {
  it('has calls to read, pay, cancel and watch it', () => {
    expect(routes.map(({ method, path }) => `${method} ${path}`)).toEqual(expect.arrayContaining([
      'GET /v1/orders/{orderId}', 'GET /v1/orders/{orderId}/events',
      'POST /v1/orders/{orderId}/payment', 'POST /v1/orders/{orderId}/cancel',
    ]));
  });

  it('is answered in every call just as an order that nobody has', async () => {
    for (const as of ['mallory', { userId: 'rita', roles: ['risk', 'viewer'] as const }]) {
      for (const { method, path } of routes) {
        const ask = async (id: string) =>
          visible(await product.client.call(method, path.replace('{orderId}', id), { as }));
        const foreign = await ask(orderId);
        expect([path, foreign]).toEqual([path, await ask(unknownId())]);
        expect(foreign.status).toBe(404);
      }
    }
  });

  it('is untouched by all that, and still its owner\'s', async () => {
    const { status, body } = await product.client.find(orderId, 'alice');
    expect([status, body.status]).toEqual([200, 'pending_payment']);
  });

  it('is not in anybody else\'s list', async () => {
    const { body } = await product.client.call<{ items: object[] }>('GET', '/v1/orders',
      { as: 'mallory' });
    expect(body.items).toEqual([]);
  });

  it('is not found under another spelling of its owner\'s name', async () => {
    for (const as of ['Alice', 'ALICE', 'alice%20', 'alice.']) {
      expect((await product.client.find(orderId, as)).status).toBe(404);
    }
  });
});

import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { expectBooksToBalance } from '../../support/books';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

const presses = 50;

jest.setTimeout(180_000);

describe('purchases that race', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterAll(() => product.stop());

  const times = <Result>(count: number, act: (index: number) => Promise<Result>) =>
    Promise.all(Array.from({ length: count }, (_, index) => act(index)));

  it('sells one unit to a user who presses 50 times at once with a new key each time', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 100 });
    const answers = await times(presses, () => client.buy(saleId, 'ann'));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(answers.filter(({ body }) => body.code === 'LIMIT_EXCEEDED')).toHaveLength(presses - 1);
    const { orders } = await expectBooksToBalance(product, saleId);
    expect(orders).toHaveLength(1);
  });

  it('sells as many units as the limit allows, whatever portions a user asks for', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 100, limitPerUser: 7 });
    const answers = await times(presses, (index) =>
      client.buy(saleId, 'ann', { quantity: 1 + index % 3 }));
    const accepted = answers.filter(({ status }) => status === 202);
    for (const { status, body } of answers) {
      expect(status === 202 || body.code === 'LIMIT_EXCEEDED').toBe(true);
    }
    const { quotas } = await expectBooksToBalance(product, saleId);
    expect(quotas).toEqual({ ann: accepted.reduce((sum, { body }) => sum + body.quantity, 0) });
    expect(quotas['ann']).toBe(7);
  });

  it('answers one order to a user who presses 50 times at once with the same key', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 100, limitPerUser: 100 });
    const answers = await times(presses, () => client.buy(saleId, 'ann', { key: 'one-press' }));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    for (const { status } of answers) expect([200, 202]).toContain(status);
    const { stock } = await expectBooksToBalance(product, saleId);
    expect(stock.allocated).toBe(1);
  });

  it('takes one of two bodies that come at once under one key, and names the other', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 100, limitPerUser: 100 });
    const answers = await times(presses, (index) =>
      client.buy(saleId, 'ann', { key: 'one-press', quantity: 1 + index % 2 }));
    const accepted = answers.filter(({ status }) => [200, 202].includes(status));
    expect(accepted).toHaveLength(presses / 2);
    expect(new Set(accepted.map(({ body }) => `${body.id} ${body.quantity}`)).size).toBe(1);
    expect(answers.filter(({ status, body }) =>
      status === 422 && body.code === 'IDEMPOTENCY_KEY_REUSED')).toHaveLength(presses / 2);
    const { stock } = await expectBooksToBalance(product, saleId);
    expect(stock.allocated).toBe(accepted[0]?.body.quantity);
  });

  it('refuses the last unit to the second of two buyers, never to both', async () => {
    const { client } = product;
    for (let round = 0; round < 10; round += 1) {
      const saleId = await client.openSale({ stock: 1 });
      const answers = await Promise.all([client.buy(saleId, 'ann'), client.buy(saleId, 'bob')]);
      expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
      expect(answers.find(({ status }) => status === 409)?.body.code).toBe('SOLD_OUT');
    }
  });

  it('answers the first order again when the reply to a purchase was lost', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 5, limitPerUser: 5 });
    const key = randomUUID();
    await loseReply(product.url, [
      `POST /v1/sales/${saleId}/orders HTTP/1.1`, 'Host: fairdrop',
      'Content-Type: application/json',
      `Authorization: Bearer ${client.tokenOf('ann')}`, `Idempotency-Key: ${key}`,
      'Content-Length: 14', '', '{"quantity":2}',
    ].join('\r\n'), async () => (await client.stock(saleId)).redis.available === 3);
    const retry = await client.buy(saleId, 'ann', { key, quantity: 2 });
    expect([200, 202]).toContain(retry.status);
    const { orders } = await expectBooksToBalance(product, saleId);
    expect(orders.map(({ id, quantity }) => [id, quantity])).toEqual([[retry.body.id, 2]]);
  });
});

/** Sends a request and breaks the connection, unread, once it has had its effect. */
async function loseReply(url: string, text: string, hasEffect: () => Promise<boolean>) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => undefined);
  socket.pause();
  socket.write(text);
  await until('the request had its effect', hasEffect);
  socket.destroy();
}

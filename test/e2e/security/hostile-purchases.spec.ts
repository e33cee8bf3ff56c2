import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { Answer } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';

let product: TestProduct;
let saleId: string;

beforeAll(async () => {
  product = await TestProduct.start();
  saleId = await product.client.openSale();
});

afterEach(async () => {
  const { redis } = await product.client.stock(saleId);
  expect(redis).toMatchObject({ available: 10, reserved: 0, ordered: 0, sold: 0 });
});

afterAll(() => product.stop());

/** A purchase of alice with this body, just as it is. */
function buy(raw: string, headers: Record<string, string> = {}, query = '') {
  return product.client.call('POST', `/v1/sales/${saleId}/orders${query}`,
    { as: 'alice', raw, headers: { 'idempotency-key': randomUUID(), ...headers } });
}

/** The same with any bytes, or with header lines that come several times. */
async function buyBytes(
  bytes: Buffer,
  headers: Record<string, string | string[]>,
): Promise<number> {
  const outgoing = request(`${product.url}/v1/sales/${saleId}/orders`, { method: 'POST', headers: {
    'authorization': `Bearer ${product.client.tokenOf('alice')}`, 'idempotency-key': randomUUID(),
    ...headers } });
  // After its answer the connection may break.
  outgoing.on('error', () => undefined).end(bytes);
  const [incoming] = await once(outgoing, 'response') as [{ statusCode: number; resume(): void }];
  incoming.resume();
  return incoming.statusCode;
}

const depth = 2_500;

describe('a purchase whose body is an attack', () => {
  it.each([
    ['a prototype', '{"quantity":1,"__proto__":{"isAdmin":true}}'],
    ['an escaped prototype', '{"quantity":1,"\\u005f_proto__":{"isAdmin":true}}'],
    ['a constructor', '{"quantity":1,"constructor":{"prototype":{"isAdmin":true}}}'],
    ['another buyer', '{"quantity":1,"userId":"bob"}'],
    ['a price', '{"quantity":1,"price":{"amount":1,"currency":"CNY"}}'],
    ['two quantities in a list', '[{"quantity":1},{"quantity":1}]'],
    ['a quantity that is a text', '{"quantity":"1"}'],
    ['a quantity that is a list', '{"quantity":[1]}'],
    ['a quantity below one', '{"quantity":-5}'],
    ['a quantity of no whole number', '{"quantity":1.5}'],
    ['a quantity beyond all numbers', '{"quantity":1e999}'],
    ['NaN', '{"quantity":NaN}'], ['null', 'null'], ['nothing', ''], ['half of it', '{"quantity":1'],
    ['more behind it', '{"quantity":1} {"quantity":1}'],
    ['deep lists', '['.repeat(depth) + ']'.repeat(depth)],
    ['deep objects', `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`],
  ])('is refused with %s', async (_what, raw) => {
    expectProblem(await buy(raw), 'VALIDATION_FAILED');
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it.each([16 * 1024 + 1, 1024 ** 2])('is refused with %i bytes', async (length) => {
    const raw = `{"quantity":1,"note":"${'x'.repeat(length)}"}`;
    expectProblem(await buy(raw), 'BODY_TOO_LARGE');
  });

  it.each(['text/plain', 'text/json', 'application/x-www-form-urlencoded', 'multipart/form-data',
    'application/xml', 'application/jsonp', 'application/json+evil', 'application/problem+json',
    'application/json; charset=utf-16', 'application/json; charset="iso-8859-1"',
    'application/json;charset=UTF-7', 'x'.repeat(5_000)])(
    'is refused with the content type %.40s', async (type) => {
      expectProblem(await buy('{"quantity":1}', { 'content-type': type }),
        'UNSUPPORTED_MEDIA_TYPE');
    });

  it('is refused in another charset than it says, and compressed', async () => {
    const json = { 'content-type': 'application/json' };
    expect(await buyBytes(Buffer.from('{"quantity":1}', 'utf16le'), json)).toBe(400);
    expect(await buyBytes(Buffer.from('\ufeff{"quantity":"\ud800"}', 'utf8'), json)).toBe(400);
    expect(await buyBytes(Buffer.from([0x1f, 0x8b, 8, 0]),
      { ...json, 'content-encoding': 'gzip' })).toBeGreaterThanOrEqual(400);
  });
});

describe('a purchase whose headers are an attack', () => {
  it.each(['', 'a b', 'ü', 'x'.repeat(256), '\t'])('is refused with the key %j', async (key) => {
    const encoded = Buffer.from(key, 'utf8').toString('latin1');
    const { status } = await buy('{"quantity":1}', { 'idempotency-key': encoded });
    expect(status).toBe(400);
  });

  it('is refused with two keys', async () => {
    expect(await buyBytes(Buffer.from('{"quantity":1}'), {
      'content-type': 'application/json', 'idempotency-key': ['one', 'two'] })).toBe(400);
  });

  it('is refused with the key in the query alone', async () => {
    const answer = await product.client.call('POST',
      `/v1/sales/${saleId}/orders?idempotency-key=k&Idempotency-Key=k`,
      { as: 'alice', body: { quantity: 1 } });
    expectProblem(answer, 'IDEMPOTENCY_KEY_MISSING');
  });

  it.each(['/', '?', '/../orders', '%2f', '%00', '%0d%0aX-Evil:%201', "' OR 1=1 --", '*', '{}'])(
    'finds no sale behind an id that ends in %j', async (end) => {
      const answer: Answer<unknown> = await product.client.call('POST',
        `/v1/sales/${saleId}${end.replaceAll(' ', '%20')}/orders`,
        { as: 'alice', body: { quantity: 1 }, headers: { 'idempotency-key': 'k' } });
      expect([400, 404, 405]).toContain(answer.status);
      expect(answer.headers['x-evil']).toBeUndefined();
    });
});

describe('a purchase that is slow', () => {
  it('holds nothing while its body does not come', async () => {
    const { hostname, port } = new URL(product.url);
    const socket = connect(Number(port), hostname).on('error', () => undefined).resume();
    const closed = new Promise<void>((resolve) => { socket.on('close', () => { resolve(); }); });
    socket.write(`POST /v1/sales/${saleId}/orders HTTP/1.1\r\nHost: shop\r\n`
      + `Authorization: Bearer ${product.client.tokenOf('alice')}\r\nIdempotency-Key: k\r\n`
      + 'Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{"quantity":');
    expect((await product.client.call('GET', '/v1/time')).status).toBe(200);
    // Long before the five minutes after which Node itself would close it.
    await closed;
  }, 120_000);
});

describe('the query of a purchase', () => {
  it('decides nothing: neither who buys, nor how much', async () => {
    const other = await product.client.openSale({ limitPerUser: 5 });
    const { body } = await product.client.call<{ id: string; quantity: number }>('POST',
      `/v1/sales/${other}/orders?quantity=5&userId=bob&sub=bob&__proto__[quantity]=5`,
      { as: 'alice', body: { quantity: 1 },
        headers: { 'idempotency-key': 'k', 'x-user-id': 'bob', 'prefer': 'wait=10' } });
    expect(body.quantity).toBe(1);
    expect((await product.client.find(body.id, 'alice')).body).toMatchObject({ userId: 'alice' });
    expect((await product.client.find(body.id, 'bob')).status).toBe(404);
  });

  it('names the same purchase whatever the case of its headers', async () => {
    const other = await product.client.openSale();
    const answers = await Promise.all(['idempotency-key', 'IDEMPOTENCY-KEY', 'Idempotency-Key']
      .map((name) => product.client.call<{ id: string }>('POST', `/v1/sales/${other}/orders`,
        { as: 'alice', body: { quantity: 1 }, headers: { [name]: 'k' } })));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  });
});

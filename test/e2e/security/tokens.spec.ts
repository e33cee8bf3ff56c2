import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSigner } from 'fast-jwt';
import { Database } from '../../../src/infra/database';
import { admin } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';

const now = Math.floor(Date.now() / 1_000);
const claims = { sub: 'alice', iss: 'fairdrop', aud: 'fairdrop', exp: now + 3_600 };
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token put together by hand, as an attacker would. */
function forge(header: object, payload: object, key: string): string {
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

/** Tries all that a buyer can do with this token, and what an operator can. */
async function expectUseless(product: TestProduct, saleId: string, authorization: string) {
  const attempts = [
    ['POST', `/v1/sales/${saleId}/orders`], ['GET', '/v1/orders'], ['GET', '/admin/v1/audit'],
  ] as const;
  for (const [method, path] of attempts) {
    const answer = await product.client.call(method, path, {
      ...(method === 'POST' && { body: { quantity: 1 } }),
      headers: { authorization, 'idempotency-key': randomUUID() },
    });
    expectProblem(answer, 'UNAUTHENTICATED');
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
  }
}

async function expectNothingSold(product: TestProduct, saleId: string) {
  const { redis } = await product.client.stock(saleId);
  expect(redis).toMatchObject({ available: 10, reserved: 0, ordered: 0, sold: 0 });
}

describe('a token that nobody issued', () => {
  let product: TestProduct;
  let saleId: string;
  const secret = () => product.config.jwtSecret ?? '';

  beforeAll(async () => {
    product = await TestProduct.start();
    saleId = await product.client.openSale();
  });
  afterAll(() => product.stop());

  it.each<[string, () => string]>([
    ['of another secret', () => forge({ alg: 'HS256' }, claims, 'another secret')],
    ['of an empty secret', () => forge({ alg: 'HS256' }, claims, '')],
    ['without a signature (alg none)', () => `${part({ alg: 'none' })}.${part(claims)}.`],
    ['of the algorithm NONE', () => `${part({ alg: 'NONE' })}.${part(claims)}.`],
    ['that has expired', () => forge({ alg: 'HS256' }, { ...claims, exp: now - 60 }, secret())],
    ['that never expires', () => forge({ alg: 'HS256' }, { ...claims, exp: undefined }, secret())],
    ['for another audience', () => forge({ alg: 'HS256' }, { ...claims, aud: 'others' }, secret())],
    ['of another issuer', () => forge({ alg: 'HS256' }, { ...claims, iss: 'others' }, secret())],
    ['of another algorithm', () => forge({ alg: 'HS512' }, claims, secret())],
    ['that brings its own key', () =>
      forge({ alg: 'HS256', jwk: { kty: 'oct', k: 'YQ' } }, claims, 'a')],
    ['whose payload was changed', () => product.client.tokenOf('bob')
      .replace(/\.[^.]+\./, `.${part({ ...claims, roles: ['admin'] })}.`)],
    ['that ends too early', () => product.client.tokenOf('alice').slice(0, -1)],
    ['that is twice one that holds', () => `${product.client.tokenOf('alice')}.x`],
  ])('is useless when it is one %s', async (_what, make) => {
    await expectUseless(product, saleId, `Bearer ${make()}`);
  });

  it.each(['', 'Bearer ', 'Basic YWxpY2U6', 'Token abc', 'Bearer null', 'Bearer undefined'])(
    'is asked for when the header is %j', (header) => expectUseless(product, saleId, header));

  it('is not looked for in the query, a cookie or the body', async () => {
    const token = product.client.tokenOf(admin);
    const answer = await product.client.call('GET', `/admin/v1/audit?access_token=${token}`, {
      headers: { 'cookie': `token=${token}; authorization=Bearer ${token}`,
        'x-authorization': token },
    });
    expectProblem(answer, 'UNAUTHENTICATED');
  });

  it('has sold nothing', () => expectNothingSold(product, saleId));
});

describe('where an identity provider issues tokens', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const provider = createServer((_request, response) => {
    const key = { ...publicKey.export({ format: 'jwk' }), kid: 'key-1' };
    response.end(JSON.stringify({ keys: [key] }));
  });
  let product: TestProduct;

  beforeAll(async () => {
    await once(provider.listen(0, '127.0.0.1'), 'listening');
    const { port } = provider.address() as AddressInfo;
    product = await TestProduct.start({ JWT_SECRET: '', JWT_JWKS_URL: `http://127.0.0.1:${port}` });
    // The provider is there: what stands still is this machine, and no reason to give it up.
    jest.spyOn(AbortSignal, 'timeout').mockReturnValue(new AbortController().signal);
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await product.stop();
    provider.close();
  });

  it('its own tokens open the door', async () => {
    const token = createSigner({ algorithm: 'RS256', kid: 'key-1',
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() })(claims);
    const { status } = await product.client.call('GET', '/v1/orders',
      { headers: { authorization: `Bearer ${token}` } });
    expect(status).toBe(200);
  });

  it.each<[string, string]>([
    ['takes its public key for a secret', forge({ alg: 'HS256', kid: 'key-1' }, claims, publicPem)],
    ['takes it for one, trimmed', forge({ alg: 'HS256', kid: 'key-1' }, claims, publicPem.trim())],
    ['has no signature', `${part({ alg: 'none', kid: 'key-1' })}.${part(claims)}.`],
    ['names a key of its own', forge(
      { alg: 'HS256', kid: '../../../dev/null' }, claims, '')],
    ['tells where its key is', forge({ alg: 'RS256', kid: 'key-2',
      jku: 'http://127.0.0.1:1/keys', x5u: 'http://127.0.0.1:1/keys' }, claims, 'a')],
  ])('a token that %s is useless', async (_what, token) => {
    await expectUseless(product, 'sale_x', `Bearer ${token}`);
    expect(await product.get(Database).query('SELECT rid FROM orders')).toEqual([]);
  });
});

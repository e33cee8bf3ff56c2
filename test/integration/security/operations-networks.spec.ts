import type { Identity } from '../../../src/auth';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

const inside = ['/metrics', '/docs', '/docs/swagger-ui.css', '/openapi.json'];
const production = { NODE_ENV: 'production', ROLES: 'api' };
const stranger = { 'x-forwarded-for': '203.0.113.7' };

async function statusesOf(product: TestProduct, headers: Record<string, string>, as?: Identity) {
  const answers = await Promise.all(inside.map((path) =>
    product.client.call('GET', path, { headers, as })));
  return answers.map(({ status }) => status);
}

const all = (status: number) => inside.map(() => status);
const holder = (...roles: Identity['roles']): Identity => ({ userId: 'olga', roles });

describe('what tells about the inside, in production', () => {
  let product: TestProduct;

  beforeAll(async () => {
    product = await TestProduct.start({ ...production, TRUST_PROXY: '127.0.0.1' });
  });
  afterAll(() => product.stop());

  it('is shown to this machine', async () => {
    expect(await statusesOf(product, {})).toEqual(all(200));
  });

  it('is nothing at all for a stranger, with or without a token', async () => {
    for (const as of [undefined, holder(), holder('risk')]) {
      expect(await statusesOf(product, stranger, as)).toEqual(all(404));
    }
    const headers = { ...stranger, authorization: 'Bearer forged' };
    expect(await statusesOf(product, headers)).toEqual(all(404));
  });

  it('answers a stranger just as a path does that nobody has', async () => {
    const hidden = await product.client.call('GET', '/metrics', { headers: stranger });
    const nothing = await product.client.call('GET', '/nothing', { headers: stranger });
    expectProblem(hidden, 'NOT_FOUND');
    expect({ ...hidden.body, traceId: '' }).toEqual({ ...nothing.body, traceId: '' });
    expect(Object.keys(hidden.headers)).toEqual(Object.keys(nothing.headers));
  });

  it.each(['admin', 'viewer'] as const)('is shown to a holder of the role %s', async (role) => {
    expect(await statusesOf(product, stranger, holder(role))).toEqual(all(200));
  });

  it('does not hide what everybody needs', async () => {
    // A process whose servers are slow says for a moment that it is not ready: that is shown as well.
    await until('it is seen to be ready', async () => (await product.client.call('GET',
      '/health/ready', { headers: stranger })).status === 200);
    for (const path of ['/v1/time', '/v1/sales']) {
      expect((await product.client.call('GET', path, { headers: stranger })).status).toBe(200);
    }
  });
});

describe('a proxy that is not in TRUST_PROXY', () => {
  it.each<Record<string, string>>([{ 'x-forwarded-for': '127.0.0.1' }, { 'x-forwarded-for': '' },
    { forwarded: 'for=::1' }])(
    'on this machine opens the inside to nobody behind it: %j', async (headers) => {
      const product = await TestProduct.start(production);
      expect(await statusesOf(product, headers)).toEqual(all(404));
      expect(await statusesOf(product, headers, holder('admin'))).toEqual(all(200));
      await product.stop();
    });
});

describe('OPERATIONS_NETWORKS', () => {
  it('says who sees the inside, also outside of production', async () => {
    const product = await TestProduct.start({ TRUST_PROXY: '127.0.0.1', ROLES: 'api',
      OPERATIONS_NETWORKS: '10.20.0.0/16,2001:db8::/32' });
    const from = (address: string) => statusesOf(product, { 'x-forwarded-for': address });
    expect(await from('10.20.3.4')).toEqual(all(200));
    expect(await from('2001:db8::7')).toEqual(all(200));
    expect(await from('10.21.3.4')).toEqual(all(404));
    expect(await from('10.20.3.4, 203.0.113.7')).toEqual(all(404));
    expect(await statusesOf(product, {})).toEqual(all(404));
    await product.stop();
  });

  it('is everybody where it is not set and nothing is in production', async () => {
    const product = await TestProduct.start({ TRUST_PROXY: '127.0.0.1', ROLES: 'api' });
    expect(await statusesOf(product, stranger)).toEqual(all(200));
    await product.stop();
  });
});

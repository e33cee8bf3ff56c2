import helmet from '@fastify/helmet';
import fastify from 'fastify';
import { createHash } from 'node:crypto';
import { HttpTestApplication } from '../../support/http-test-application';
import { PaymentProduct } from '../../support/payment-product';

/** What helmet sets and we do not: it means nothing for JSON, or for pages that embed nothing. */
const leftOut = ['cross-origin-opener-policy', 'origin-agent-cluster', 'referrer-policy',
  'x-dns-prefetch-control', 'x-download-options', 'x-permitted-cross-domain-policies',
  'x-xss-protection'];

async function helmetHeaders(): Promise<string[]> {
  const server = fastify();
  await server.register(helmet);
  server.get('/', (_request, reply) => Object.keys(reply.raw.getHeaders()));
  const names = (await server.inject('/')).json<string[]>();
  await server.close();
  return names;
}

async function headersOf(environment: Record<string, string>, path = '/who'): Promise<Headers> {
  const test = await HttpTestApplication.start(environment);
  const { headers } = await test.ask(path);
  await test.application.close();
  return headers;
}

describe('an answer of the API', () => {
  it.each(['/who', '/fail/problem', '/fail/bug', '/nothing', '/fail/%zz'])(
    'lets a browser do nothing with it (%s)', async (path) => {
      const headers = await headersOf({}, path);
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none';/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    });

  it('has every header of helmet that is not left out on purpose', async () => {
    const headers = await headersOf({ NODE_ENV: 'production', PUBLIC_URL: 'https://shop.example' });
    const missing = (await helmetHeaders()).filter((name) => !headers.has(name));
    expect(missing.sort()).toEqual(leftOut);
  });

  it.each([['production', 'http://shop.example'], ['test', 'https://shop.example']])(
    'asks for no HTTPS in %s at %s', async (NODE_ENV, PUBLIC_URL) => {
      const headers = await headersOf({ NODE_ENV, PUBLIC_URL });
      expect(headers.has('strict-transport-security')).toBe(false);
    });
});

describe('a page', () => {
  let product: PaymentProduct;

  beforeAll(async () => { product = await PaymentProduct.start(); });
  afterAll(() => product.stop());

  async function pageAt(path: string) {
    const { headers, text } = await product.client.call('GET', path);
    return { policy: String(headers['content-security-policy']), text };
  }

  const inline = /<(style|script)(?:\s[^>]*)?>([^]*?)<\/\1>/g;

  async function expectOnlyItsOwn(path: string): Promise<void> {
    const { policy, text } = await pageAt(path);
    const elements = [...text.matchAll(inline)];
    expect(elements.length).toBe(2);
    for (const [, name = '', content = ''] of elements) {
      const hash = createHash('sha256').update(content).digest('base64');
      expect(policy).toContain(`${name}-src 'sha256-${hash}'`);
    }
    expect(policy).toMatch(/^default-src 'none';/);
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(text).not.toMatch(/\son\w+=|\sstyle=/);
  }

  it('of the demo shop runs its own script alone', () => expectOnlyItsOwn('/demo'));

  it('of the sandbox runs its own script alone', async () => {
    const { paymentId } = await product.startedPayment(await product.client.openSale());
    await expectOnlyItsOwn(`/demo/pay/${paymentId}`);
  });

  it('of the documentation loads what this server has', async () => {
    const { policy, text } = await pageAt('/docs');
    expect([...text.matchAll(inline)].filter(([, , content]) => content !== '')).toEqual([]);
    expect(policy).toMatch(/connect-src 'self'.*script-src 'self'; style-src 'self'$/);
  });
});

import { HttpTestApplication } from '../../support/http-test-application';
import { TestProduct } from '../../support/product';

const shop = 'https://shop.example';
const path = '/sales/s1/orders';

/** The names of the CORS headers in the answers to a call and to its preflight. */
async function corsOf(test: HttpTestApplication, origin: string): Promise<string[]> {
  const answers = [
    await test.ask('/who', { headers: { origin } }),
    await test.ask('/fail/problem', { headers: { origin } }),
    await test.preflight(path, origin, 'POST', 'authorization,idempotency-key'),
  ];
  return answers.flatMap(({ headers }) =>
    [...headers.keys()].filter((name) => name.startsWith('access-control-')));
}

describe('a page of another origin', () => {
  it('is allowed nothing by default', async () => {
    const test = await HttpTestApplication.start();
    expect(await corsOf(test, shop)).toEqual([]);
    const { status } = await test.preflight(path, shop, 'POST', 'authorization');
    expect(status).toBe(405);
    await test.application.close();
  });

  describe('that CORS_ORIGINS names', () => {
    let test: HttpTestApplication;

    beforeAll(async () => {
      test = await HttpTestApplication.start({ CORS_ORIGINS: `${shop},http://127.0.0.1:5173` });
    });
    afterAll(() => test.application.close());

    it.each([shop, 'http://127.0.0.1:5173'])('may read answers (%s)', async (origin) => {
      for (const url of ['/who', '/fail/problem', '/nothing']) {
        const { headers } = await test.ask(url, { headers: { origin } });
        expect(headers.get('access-control-allow-origin')).toBe(origin);
        expect(headers.get('access-control-expose-headers'))
          .toBe('Location, Retry-After, RateLimit, RateLimit-Policy, x-trace-id');
        expect(headers.get('vary')).toBe('Origin');
        expect(headers.has('access-control-allow-credentials')).toBe(false);
      }
    });

    it.each(['Authorization', 'Content-Type', 'Idempotency-Key', 'X-Device-Id', 'X-Sale-Token',
      'X-Captcha-Token', 'Prefer'])('may send %s', async (header) => {
      const { status, headers } = await test.preflight(path, shop, 'POST', header.toLowerCase());
      expect(status).toBe(204);
      expect(headers.get('access-control-allow-headers')?.split(', ')).toContain(header);
      expect(headers.get('access-control-allow-methods')).toContain('POST');
    });

    it.each(['https://shop.example.evil', 'http://shop.example', 'https://shop.example:8443',
      'https://evil.example', 'null', '*', 'https://SHOP.example'])(
      'opens nothing to %s', async (origin) => {
        const { headers } = await test.ask('/who', { headers: { origin } });
        expect(headers.has('access-control-allow-origin')).toBe(false);
        const preflight = await test.preflight(path, origin, 'POST', 'authorization');
        expect(preflight.headers.has('access-control-allow-origin')).toBe(false);
      });
  });

  describe('that follows an order', () => {
    let product: TestProduct;

    beforeAll(async () => { product = await TestProduct.start({ CORS_ORIGINS: shop }); });
    afterAll(() => product.stop());

    it('may read its events, which are guarded as every answer is', async () => {
      const { client } = product;
      const { id } = await client.order(await client.openSale(), 'ann');
      await client.cancel(id, 'ann');
      const { text, headers } = await client.call('GET', `/v1/orders/${id}/events`,
        { as: 'ann', headers: { origin: shop } });
      expect(text).toMatch(/^event: status\ndata: .*"cancelled"/);
      expect(headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-store',
        'access-control-allow-origin': shop, 'vary': 'Origin', 'x-content-type-options': 'nosniff',
        'x-trace-id': expect.stringMatching(/^[0-9a-f]{32}$/) });
    });
  });
});

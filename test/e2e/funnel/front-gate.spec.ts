import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';

const shop = 'https://shop.example';

describe('a refusal of the front gate', () => {
  let product: TestProduct;
  let saleId: string;

  beforeAll(async () => {
    product = await TestProduct.start({ CORS_ORIGINS: shop });
    saleId = await product.client.openSale({ stock: 1 });
  });
  afterAll(() => product.stop());

  it('can be read by a page of an origin that may call, and has every header of other answers',
    async () => {
      const answer = await product.client.call('POST', `/v1/sales/${saleId}/orders`,
        { body: { quantity: 1 }, headers: { 'origin': shop, 'idempotency-key': 'press' } });
      expectProblem(answer, 'UNAUTHENTICATED');
      expect(answer.headers).toMatchObject({
        'access-control-allow-origin': shop,
        'content-security-policy': expect.stringContaining("default-src 'none'"),
        'x-content-type-options': 'nosniff',
        'x-trace-id': expect.stringMatching(/^[0-9a-f]{32}$/),
        'www-authenticate': 'Bearer',
      });
    });
});

import { Database } from '../../src/infra/database';
import { TestProduct } from '../support/product';

describe('the address that a trusted proxy forwards', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start({ TRUST_PROXY: '127.0.0.0/8' }); });
  afterAll(() => product.stop());

  it.each([
    ['is the buyer\'s', '203.0.113.7', '203.0.113.7'],
    ['is the peer\'s where the text is too long for an address', 'x'.repeat(200), '127.0.0.1'],
    ['is the peer\'s where the text is no address', '<script>, unknown', '127.0.0.1'],
  ])('%s, and the purchase becomes an order', async (_rule, forwarded, ip) => {
    const saleId = await product.client.openSale();
    const { id } = await product.client.order(saleId, 'alice',
      { headers: { 'x-forwarded-for': forwarded } });
    expect(await product.get(Database).query(
      'SELECT ip FROM stock_ledger WHERE sale_id = ? AND rid = ?', [saleId, id]))
      .toEqual([{ ip }]);
  });
});

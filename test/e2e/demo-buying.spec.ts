import { Database } from '../../src/infra/database';
import { newId } from '../../src/kernel';
import type { SaleView } from '../../src/sale/sale-view';
import { TestProduct } from '../support/product';
import { ShopScript } from '../support/shop-script';
import { until } from '../support/until';
import { withEnoughTime } from './support/enough-time';

describe('the shop of the demo, as it buys', () => {
  let product: TestProduct;
  let script: Awaited<ReturnType<typeof ShopScript.open>>;

  beforeAll(async () => {
    product = await TestProduct.start({ DEMO: 'true' });
  });

  beforeEach(async () => {
    script = await ShopScript.open(product.url);
    signIn(newId('user'));
  });

  afterEach(() => script.close());
  afterAll(() => product.stop());

  function signIn(userId: string): void {
    script.shop.session.begin(userId, product.client.tokenOf(userId));
  }

  async function saleWith(protection: object): Promise<SaleView> {
    const saleId = await product.client.openSale({ limitPerUser: 3, protection });
    return (await product.client.call<SaleView>('GET', `/v1/sales/${saleId}`)).body;
  }

  const purchasesOf = ({ id }: SaleView) => script.callsOf(`/v1/sales/${id}/orders`);
  const keysOf = (sale: SaleView) =>
    new Set(purchasesOf(sale).map(({ headers }) => headers['idempotency-key']));

  it('lets a worker solve the captcha, and buys with the key of the press', async () => {
    const sale = await saleWith({ captcha: 'always' });
    await script.shop.buy(sale, 1);
    expect(purchasesOf(sale).map(({ status }) => status)).toEqual([403, 202]);
    expect(keysOf(sale).size).toBe(1);
    expect(script.orders).toMatchObject([{ saleId: sale.id, quantity: 1 }]);
  });

  it('has the sale token before it asks, and gets another one for a second order', async () => {
    const sale = await saleWith({ saleToken: true });
    script.shop.sales.set(sale.id, sale);
    await script.shop.fetchSaleTokens();
    expect(purchasesOf(sale)).toEqual([]);
    await script.shop.buy(sale, 1);
    expect(purchasesOf(sale).map(({ status }) => status)).toEqual([202]);
    await script.shop.buy(sale, 1);
    expect(purchasesOf(sale).map(({ status }) => status)).toEqual([202, 403, 202]);
    expect(keysOf(sale).size).toBe(2);
  });

  it('comes back with the same key, and never before Retry-After says', async () => {
    const sale = await withEnoughTime('the second press comes too soon', async (seconds) => {
      signIn(newId('user'));
      const limitedSale = await saleWith({ throttle: { user: `1/${seconds}` } });
      const startedMs = performance.now();
      await script.shop.buy(limitedSale, 1);
      await script.shop.buy(limitedSale, 2);
      const isTooLate = performance.now() - startedMs >= seconds * 1_000;
      return isTooLate && purchasesOf(limitedSale).length === 2 ? undefined : limitedSale;
    });
    const [first, limited, again, ...more] = purchasesOf(sale);
    expect([first, limited, again].map((call) => call?.status)).toEqual([202, 429, 202]);
    expect(more).toEqual([]);
    expect(keysOf(sale).size).toBe(2);
    expect(limited?.retryAfterMs).toBeGreaterThan(0);
    // Timers of Node may fire up to a millisecond early.
    expect((again?.sentMs ?? 0) - (limited?.sentMs ?? 0))
      .toBeGreaterThanOrEqual((limited?.retryAfterMs ?? 0) - 1);
  }, 180_000);

  it('sends nothing of a buyer who left in the name of the next', async () => {
    await withEnoughTime('the second press waits', async (seconds) => {
      signIn(newId('user'));
      const sale = await saleWith({ throttle: { user: `1/${seconds}` } });
      await script.shop.buy(sale, 1);
      const end = script.shop.buy(sale, 2)
        .then(() => 'bought', ({ code }: { code: string }) => code);
      await until('it is answered', async () => purchasesOf(sale)[1] !== undefined);
      if (purchasesOf(sale)[1]?.status === 202 && await end === 'bought') return undefined;
      script.shop.session.end();
      signIn(newId('user'));
      expect(await end).toBe('LEFT');
      expect(purchasesOf(sale).map(({ status }) => status)).toEqual([202, 429]);
      return true;
    });
  }, 180_000);

  it('finds an order again that had no row when the page was loaded anew', async () => {
    await script.shop.buy(await saleWith({}), 1);
    const [order] = script.orders;
    if (!order) throw new Error('Nothing was bought');
    const { held } = script.shop;
    held.take({ ...order, status: 'reserved' });
    held.take({ ...order, id: newId('order'), status: 'reserved' });
    for (const id of held.ids()) await script.shop.readHeld(id);
    expect(script.orders.map(({ id }) => id)).toEqual([order.id, order.id]);
    expect(held.ids()).toEqual([order.id]);
  });

  it('says what became of money that came when its order had ended', async () => {
    const { client } = product;
    const userId = newId('user');
    signIn(userId);
    const { id: orderId } = await client.order((await saleWith({})).id, userId);
    const { body: { paymentId, amount } } = await client.startPayment(orderId, userId);
    await product.get(Database).execute(
      'UPDATE orders SET expires_at = NOW(3) WHERE rid = ?', [orderId]);
    const order = await client.inStatus(orderId, userId, 'expired');
    await script.shop.readMoney(order);
    expect(script.shop.wordsAboutMoney(order)).toBeUndefined();
    await client.report('payment.succeeded', { orderId, paymentId, ...amount }, newId('msg'));
    await until('the buyer is told', async () => {
      await script.shop.readMoney(order);
      return script.shop.wordsAboutMoney(order)?.includes('paid other units');
    });
  });

  it('names one device in every call', async () => {
    const sale = await saleWith({ captcha: 'always' });
    await script.shop.buy(sale, 1);
    const devices = new Set(script.calls.map(({ headers }) => headers['x-device-id']));
    expect([...devices]).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(script.calls.length).toBe(4);
  });
});

import { makePatient } from '../../support/patient';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';
import { outcomeOf, tally, times } from './support/tally';

const requests = 200;
const perSecond = 15;

/** Fails unless a full bucket let its units through at once, and after it only what flowed in. */
async function expectRate(ask: (index: number) => ReturnType<TestProduct['client']['buy']>) {
  const startedMs = performance.now();
  const answers = await times(requests, ask);
  const elapsedSeconds = (performance.now() - startedMs) / 1_000;
  const { 202: passed = 0, RATE_LIMITED: refused } = tally(answers);
  expect(passed).toBeGreaterThanOrEqual(perSecond);
  expect(passed).toBeLessThanOrEqual(perSecond * (1 + elapsedSeconds));
  expect(refused).toBe(requests - passed);
  return answers.filter(({ status }) => status === 429);
}

describe('more buyers than can be served', () => {
  let product: TestProduct;
  const openSale = (protection = {}) => product.client.openSale({ stock: 10_000, protection });

  afterEach(() => product.stop());

  it('of one sale are let through at its rate, and other sales sell on', async () => {
    product = await TestProduct.start({ THROTTLE_SALE: String(perSecond) });
    makePatient(product);
    const [busy, quiet] = [await openSale(), await openSale()];
    const refused = await expectRate((index) => product.client.buy(busy, `buyer-${index}`));
    expect(refused[0]?.headers).toMatchObject({ 'retry-after': '1', 'ratelimit': '"sale";r=0;t=1',
      'ratelimit-policy': `"sale";q=${perSecond};w=1` });
    expect((await product.client.buy(quiet, 'buyer-1')).status).toBe(202);
    await until('the sale goes on', async () =>
      outcomeOf(await product.client.buy(busy, 'patient')) === '202', 30_000);
  });

  it('of one sale are let through at the rate that the sale says itself', async () => {
    product = await TestProduct.start({ THROTTLE_SALE: '1000' });
    makePatient(product);
    const slow = await openSale({ throttle: { sale: String(perSecond) } });
    const usual = await openSale();
    await expectRate((index) => product.client.buy(slow, `buyer-${index}`));
    expect(tally(await times(requests, (index) => product.client.buy(usual, `buyer-${index}`))))
      .toEqual({ 202: requests });
  });

  it('of the whole system are let through at its rate, whatever sale they ask for', async () => {
    product = await TestProduct.start({ THROTTLE_GLOBAL: String(perSecond) });
    makePatient(product);
    const sales = [await openSale(), await openSale()];
    const refused = await expectRate((index) =>
      product.client.buy(sales[index % 2] ?? '', `buyer-${index}`));
    expect(refused[0]?.headers['ratelimit-policy']).toBe(`"global";q=${perSecond};w=1`);
    expect((await product.client.call('GET', '/v1/sales')).status).toBe(200);
    await until('buying goes on', async () =>
      outcomeOf(await product.client.buy(sales[0] ?? '', 'patient')) === '202', 30_000);
  });

  it('pay for nothing of it who are refused by a limit of their own', async () => {
    product = await TestProduct.start({ THROTTLE_GLOBAL: '40', THROTTLE_USER: '2/60' });
    makePatient(product);
    const saleId = await product.client.openSale({ stock: 1_000, limitPerUser: 1_000 });
    const flood = await times(requests, () => product.client.buy(saleId, 'bot'));
    expect(tally(flood)).toEqual({ 202: 2, RATE_LIMITED: requests - 2 });
    expect(tally(await times(30, (index) => product.client.buy(saleId, `honest-${index}`))))
      .toEqual({ 202: 30 });
  });
});

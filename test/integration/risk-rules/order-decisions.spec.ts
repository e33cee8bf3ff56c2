import { newId } from '../../../src/kernel';
import { defaultRules } from '../../../src/risk/rules/default-rules';
import { RiskSignals } from '../../../src/risk/signals';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';
import { attempt } from './risk-parts';

jest.setTimeout(120_000);

describe('a buyer who may hold one unpaid order', () => {
  let product: TestProduct;
  beforeAll(async () => {
    product = await TestProduct.start({ RISK: 'on', HOLDS_PER_USER: '1', HOLDS_PER_DEVICE: 'off' });
    // Who waits for his place here tries more than ten times a minute, and is asked for no captcha.
    const { status } = await product.client.call('PUT', '/admin/v1/risk/rules',
      { as: { userId: 'reviewer', roles: ['risk'] },
        body: { ...defaultRules, captchaAfterAttemptsPerMinute: 10_000 } });
    expect(status).toBe(200);
  });
  afterAll(() => product.stop());

  const openSale = (changes: object = {}) =>
    product.client.openSale({ limitPerUser: 10, stock: 100, ...changes });
  const buysAgain = (saleId: string, userId: string) =>
    until('there is a place again', async () =>
      (await product.client.buy(saleId, userId)).status === 202, 45_000);

  it('gets no second one, by 200 parallel requests neither', async () => {
    const [saleId, userId] = [await openSale({ stock: 300, limitPerUser: 300 }), newId('user')];
    const answers = await Promise.all(Array.from({ length: 200 }, () =>
      product.client.buy(saleId, userId)));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(answers.filter(({ body }) => body.code === 'LIMIT_EXCEEDED').length).toBeGreaterThan(0);
    expect((await product.client.atRest(saleId)).database.allocated).toBe(1);
  });

  it('gets his answer again by the same key', async () => {
    const [saleId, userId] = [await openSale(), newId('user')];
    const first = await product.client.buy(saleId, userId, { key: 'once' });
    const again = await product.client.buy(saleId, userId, { key: 'once' });
    expect([again.status, again.body.id]).toEqual([202, first.body.id]);
  });

  it('may buy again in any sale when he has paid', async () => {
    const [saleId, userId] = [await openSale(), newId('user')];
    const { id } = await product.client.order(saleId, userId);
    expect((await product.client.buy(await openSale(), userId)).body.code).toBe('LIMIT_EXCEEDED');
    await product.client.pay(id, userId);
    await buysAgain(saleId, userId);
  });

  it('may buy again when he has cancelled', async () => {
    const [saleId, userId] = [await openSale(), newId('user')];
    const { id } = await product.client.order(saleId, userId);
    await product.client.cancel(id, userId);
    await buysAgain(saleId, userId);
  });

  it('may buy again after his order expired, with half of the time to pay', async () => {
    const [short, userId] = [await openSale({ payWindowSeconds: 1 }), newId('user')];
    const { id } = await product.client.order(short, userId);
    await product.client.inStatus(id, userId, 'expired');
    await until('the expired order is counted', async () =>
      (await product.get(RiskSignals).look(attempt({ userId }))).expiredOrdersLastDay === 1, 45_000);
    const order = await product.client.order(await openSale({ payWindowSeconds: 900 }), userId);
    const seconds = (Date.parse(order.payBefore ?? '') - Date.parse(order.createdAt)) / 1_000;
    expect(Math.abs(seconds - 450)).toBeLessThan(30);
  });

  it('loses no place to a purchase that the stock refused', async () => {
    const [saleId, userId] = [await openSale({ stock: 1 }), newId('user')];
    expect((await product.client.buy(saleId, userId, { quantity: 2 })).body.code).toBe('SOLD_OUT');
    await buysAgain(saleId, userId);
  });
});

import { Database } from '../../../src/infra/database';
import type { OrderView } from '../../../src/order';
import { RiskRedis } from '../../../src/risk/signals';
import { StockAdjustments } from '../../../src/stock';
import type { Answer } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { makePatient } from '../../support/patient';
import { TestProduct } from '../../support/product';
import { enterForGood } from '../../support/segment-locks';
import { SegmentedSale } from '../../support/segmented-sale';
import { until } from '../../support/until';

describe('who holds units and does not pay', () => {
  let product: TestProduct;

  beforeAll(async () => {
    product = await TestProduct.start({ RISK: 'on', HOLDS_PER_USER: '3', HOLDS_PER_DEVICE: '4',
      CAPTCHA: 'off' });
    makePatient(product);
    // The caps alone: no rule refuses anybody.
    await product.client.call('PUT', '/admin/v1/risk/rules', {
      as: { userId: 'reviewer', roles: ['risk'] }, body: { refuseAbove: 0.7, captchaAbove: 0.4,
        captchaAfterAttemptsPerMinute: 10_000, rules: [] } });
  });
  afterAll(() => product.stop());

  const held = (answers: readonly Answer<OrderView>[]) =>
    answers.filter(({ status }) => status === 202).map(({ body }) => body);
  const untilPlaces = (userId: string, count: number) => {
    const risk = product.get(RiskRedis);
    return until(`${userId} has ${count} places`, async () =>
      await risk.ask((connection) => connection.zcard(risk.userHolds(userId))) === count);
  };
  const manyTimes = <Result>(count: number, work: (index: number) => Promise<Result>) =>
    Promise.all(Array.from({ length: count }, (_, index) => work(index)));

  it('has no more orders than the cap under 200 parallel requests of one user', async () => {
    const saleId = await product.client.openSale({ stock: 300, limitPerUser: 300 });
    const answers = await manyTimes(200, () => product.client.buy(saleId, 'ann'));
    expect(held(answers)).toHaveLength(3);
    for (const answer of answers.filter(({ status }) => status !== 202)) {
      expectProblem(answer, 'LIMIT_EXCEEDED');
    }
    expect(await product.client.atRest(saleId)).toMatchObject(
      { redis: { available: 297 }, database: { allocated: 3 } });
  });

  it('has no more orders than the cap under 200 parallel users of one device', async () => {
    const saleId = await product.client.openSale({ stock: 300, limitPerUser: 1 });
    const headers = { 'x-device-id': 'one-phone' };
    const answers = await manyTimes(200, (index) =>
      product.client.buy(saleId, `member-${index}`, { headers }));
    expect(held(answers)).toHaveLength(4);
    expect(await product.client.atRest(saleId)).toMatchObject(
      { redis: { available: 296 }, database: { allocated: 4 } });
  });

  it('may have one more for each that he pays or cancels, over all sales', async () => {
    const [first, second] = [await product.client.openSale({ limitPerUser: 10 }),
      await product.client.openSale({ limitPerUser: 10 })];
    const paid = await product.client.order(first, 'ben');
    const cancelled = await product.client.order(first, 'ben');
    await product.client.order(second, 'ben');
    expectProblem(await product.client.buy(second, 'ben'), 'LIMIT_EXCEEDED');
    await product.client.pay(paid.id, 'ben');
    await product.client.cancel(cancelled.id, 'ben');
    for (let i = 0; i < 2; i += 1) {
      await until('there is a place again', async () =>
        (await product.client.buy(second, 'ben')).status === 202);
    }
    expectProblem(await product.client.buy(first, 'ben'), 'LIMIT_EXCEEDED');
  });

  it('keeps no place for a purchase that came to nothing', async () => {
    const soldOut = await product.client.openSale({ stock: 1, limitPerUser: 10 });
    await product.client.order(soldOut, 'cat');
    for (let i = 0; i < 5; i += 1) {
      expectProblem(await product.client.buy(soldOut, 'dan'), 'SOLD_OUT');
    }
    const saleId = await product.client.openSale({ limitPerUser: 10 });
    for (let i = 0; i < 3; i += 1) {
      await until('dan holds one more', async () =>
        (await product.client.buy(saleId, 'dan')).status === 202);
    }
  });

  it('keeps no place for a purchase that others were faster than', async () => {
    const saleId = await product.client.openSale({ strategy: 'segment-lock' });
    await enterForGood(product, saleId, 'fay');
    expectProblem(await product.client.buy(saleId, 'fay'), 'TEMPORARILY_UNAVAILABLE');
    await untilPlaces('fay', 0);
  });

  it('keeps no place for a purchase that borrows from a segment which is being recovered', async () => {
    const sale = await SegmentedSale.open(product, { stock: 2, segments: 2 });
    const [first, second] = [sale.buyerOf(0), sale.buyerOf(0)];
    expect((await sale.press(first)).status).toBe(202);
    await untilPlaces(first, 1);
    const adjustments = product.get(StockAdjustments);
    const real = adjustments.adjust.bind(adjustments);
    const lend = jest.spyOn(adjustments, 'adjust').mockImplementationOnce(async (loan, cause) => {
      await product.get(Database).execute(
        'UPDATE sale_stock SET epoch = epoch + 1 WHERE sale_id = ?', [loan.saleId]);
      return real(loan, cause);
    });
    // On a busy machine a buyer may be sent away before anybody borrows for him.
    await until('somebody borrows for him', async () => {
      expectProblem(await product.client.buy(sale.id, second), 'TEMPORARILY_UNAVAILABLE');
      return lend.mock.calls.length > 0;
    });
    lend.mockRestore();
    await untilPlaces(second, 0);
  });

  it('leaves units to honest buyers, however many times a crowd of them presses', async () => {
    const saleId = await product.client.openSale({ stock: 40, limitPerUser: 40 });
    const hoarders = Array.from({ length: 10 }, (_, index) => `hoarder-${index}`);
    const hoarded = held(await manyTimes(200, (index) =>
      product.client.buy(saleId, hoarders[index % hoarders.length] ?? '')));
    expect(hoarded).toHaveLength(30);
    await manyTimes(10, async (index) => {
      const order = await product.client.order(saleId, `honest-${index}`);
      await product.client.pay(order.id, `honest-${index}`);
    });
    expect(await product.client.atRest(saleId)).toMatchObject(
      { redis: { available: 0, ordered: 30, sold: 10 }, database: { paid: 10 } });
  });

  it('has half the time to pay after each order that expired, and the units come back',
    async () => {
      const hoarded = await product.client.openSale(
        { stock: 1, limitPerUser: 10, payWindowSeconds: 1 });
      const risk = product.get(RiskRedis);
      const secondsToPay = async () => {
        const saleId = await product.client.openSale({ payWindowSeconds: 900 });
        const { id } = await product.client.order(saleId, 'eve');
        const { createdAt, payBefore = '' } =
          await product.client.inStatus(id, 'eve', 'pending_payment');
        await product.client.cancel(id, 'eve');
        return (Date.parse(payBefore) - Date.parse(createdAt)) / 1_000;
      };
      const seconds = [await secondsToPay()];
      for (let expired = 1; expired <= 2; expired += 1) {
        const { id } = await product.client.order(hoarded, 'eve');
        await product.client.inStatus(id, 'eve', 'expired');
        await until('the expiry is counted', async () => await risk.ask((connection) =>
          connection.zcard(risk.expired('eve'))) === expired, 60_000);
        await until('the unit is back', async () =>
          (await product.client.stock(hoarded)).redis.available === 1);
        seconds.push(await secondsToPay());
      }
      [900, 450, 225].forEach((window, index) => {
        expect(seconds[index]).toBeGreaterThanOrEqual(window);
        // The time to pay begins when the row is written.
        expect(seconds[index]).toBeLessThan(window + 100);
      });
      await product.client.order(hoarded, 'fay');
    }, 180_000);
});

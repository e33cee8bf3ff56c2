import { ServerClock } from '../../../src/infra/redis';
import { CaptchaClient, pictureText, solve } from '../../support/captcha-client';
import { expectProblem } from '../../support/expect-problem';
import { makePatient } from '../../support/patient';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';
import { tally, times } from './support/tally';

describe('a sale that asks everybody for a captcha', () => {
  let product: TestProduct;
  let captcha: CaptchaClient;
  let saleId: string;

  beforeAll(async () => {
    product = await TestProduct.start();
    makePatient(product);
    captcha = new CaptchaClient(product);
    saleId = await product.client.openSale({ stock: 100, limitPerUser: 300,
      protection: { captcha: 'always' } });
  });

  afterAll(() => product.stop());

  const buy = (userId: string, captchaToken?: string) => product.client.buy(saleId, userId,
    { headers: captchaToken === undefined ? {} : { 'x-captcha-token': captchaToken } });

  it('tells a buyer how to go on, and sells to him when he has done so', async () => {
    const refused = await buy('ann');
    expectProblem(refused, 'CAPTCHA_REQUIRED');
    const [, method, path = '', raw] =
      / (POST) (\/v1\/captcha\/challenges) with (\{.*\}),/.exec(refused.body.detail ?? '') ?? [];
    expect(method).toBe('POST');
    const posed = await product.client.call<{ id: string }>('POST', path, { as: 'ann', raw });
    expect(posed.status).toBe(201);
    const picture = await captcha.posePicture(saleId, 'ann');
    const { body } = await captcha.answer(picture, 'ann', pictureText);
    expect((await buy('ann', body.captchaToken)).status).toBe(202);
  });

  it('sells nothing for a wrong answer, nor for the right one after it', async () => {
    const { body: { id, challenge } } = await captcha.pose(saleId, 'bob');
    const work = await solve(challenge);
    for (const answer of ['A'.repeat(64), work]) {
      const answered = await captcha.answer(id, 'bob', answer);
      expectProblem(answered, 'CAPTCHA_FAILED');
      expect(answered.text).not.toContain('captchaToken');
    }
    for (const proof of [work, id, pictureText]) {
      expectProblem(await buy('bob', proof.slice(0, 200)), 'CAPTCHA_REQUIRED');
    }
  });

  it('sells nothing for an answer that came too late', async () => {
    const picture = await captcha.posePicture(saleId, 'late', 50);
    // Far beyond it: a Redis that stands still puts the clock off, and back.
    const expired = product.get(ServerClock).now() + 4_000;
    await until('the challenge is over', async () => product.get(ServerClock).now() > expired);
    expectProblem(await captcha.answer(picture, 'late', pictureText), 'CAPTCHA_FAILED');
    expectProblem(await buy('late'), 'CAPTCHA_REQUIRED');
  });

  it('sells to one of 200 thieves of a challenge no more than to the others', async () => {
    const picture = await captcha.posePicture(saleId, 'owner');
    const thefts = await times(200, (index) =>
      captcha.answer(picture, `thief-${index}`, pictureText));
    expect(tally(thefts)).toEqual({ CAPTCHA_FAILED: 200 });
    const { body } = await captcha.answer(picture, 'owner', pictureText);
    expectProblem(await buy('thief-1', body.captchaToken), 'CAPTCHA_REQUIRED');
    expect((await buy('owner', body.captchaToken)).status).toBe(202);
  });

  it('sells one order for 200 right answers at once and all tokens that came of them', async () => {
    const picture = await captcha.posePicture(saleId, 'flood');
    const answers = await times(200, () => captcha.answer(picture, 'flood', pictureText));
    const tokens = answers.flatMap(({ body: { captchaToken } }) => captchaToken ?? []);
    expect(tokens).toHaveLength(1);
    const bought = await times(200, (index) => buy('flood', tokens[index % tokens.length]));
    expect(tally(bought)).toEqual({ 202: 1, CAPTCHA_REQUIRED: 199 });
  });

  it('asks nobody of another sale, which asks for none', async () => {
    const free = await product.client.openSale({ protection: { captcha: 'off' } });
    expect((await product.client.buy(free, 'ann')).status).toBe(202);
  });
});

import { CaptchaClient, pictureText } from '../../support/captcha-client';
import { expectProblem } from '../../support/expect-problem';
import { makePatient } from '../../support/patient';
import { TestProduct } from '../../support/product';

describe('guessing captchas', () => {
  let product: TestProduct;
  let captcha: CaptchaClient;
  let saleId: string;

  beforeAll(async () => {
    product = await TestProduct.start({ THROTTLE_USER: '4/60' });
    makePatient(product);
    captcha = new CaptchaClient(product);
    saleId = await product.client.openSale();
  });

  afterAll(() => product.stop());

  it('is throttled with asking for them, and uses up no challenge while it is', async () => {
    const picture = await captcha.posePicture(saleId, 'guesser');
    for (let i = 0; i < 2; i += 1) {
      const { status, body } = await captcha.pose(saleId, 'guesser');
      expect(status).toBe(201);
      expectProblem(await captcha.answer(body.id, 'guesser', 'guess'), 'CAPTCHA_FAILED');
    }
    const refused = [await captcha.answer(picture, 'guesser', pictureText),
      await captcha.pose(saleId, 'guesser')];
    for (const answer of refused) {
      expectProblem(answer, 'RATE_LIMITED');
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect((await captcha.pose(saleId, 'somebody-else')).status).toBe(201);
  });

  it('lets 4 of 200 requests at once through, whatever they bring', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => i % 2 === 0
      ? captcha.answer('captcha_00000000000000000000', 'crowd', `guess ${i}`)
      : captcha.pose(saleId, 'crowd')));
    expect(answers.filter(({ status }) => status !== 429)).toHaveLength(4);
  });
});

import type { Identity } from '../../../src/auth';
import { CaptchaClient, decode, solve } from '../../support/captcha-client';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

/** What a challenge takes at most when nothing speaks against its user. */
const triesOfTheHarmless = 200;

describe('a proof of work', () => {
  let product: TestProduct;
  let captcha: CaptchaClient;
  let saleId: string;

  beforeAll(async () => {
    product = await TestProduct.start({ RISK: 'on' });
    captcha = new CaptchaClient(product);
    saleId = await product.client.openSale();
  });

  afterAll(() => product.stop());

  /** How many tries a new challenge took. */
  async function tries(as: Identity): Promise<number> {
    const { body: { challenge } } = await captcha.pose(saleId, as);
    return decode(await solve(challenge)).solution.counter;
  }

  const registered = (secondsAgo: number): Identity => ({
    userId: `account-of-${secondsAgo}`, roles: [],
    registeredAt: Math.floor(Date.now() / 1_000) - secondsAgo,
  });

  it('is light for an account of a year', async () => {
    for (let i = 0; i < 10; i += 1) {
      expect(await tries(registered(365 * 86_400))).toBeLessThanOrEqual(triesOfTheHarmless);
    }
  });

  it('gets harder for an account of a minute', async () => {
    // Each number is drawn by chance: that none of some dozens is higher happens once in 10^13.
    await until('a challenge takes more than that', async () =>
      await tries(registered(60)) > triesOfTheHarmless, 90_000);
  }, 120_000);
});

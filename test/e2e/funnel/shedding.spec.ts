import { setTimeout as sleep } from 'node:timers/promises';
import { SaleCatalog } from '../../../src/sale';
import type { TestClient } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { until } from '../../support/until';
import { outcomeOf, tally, times } from './support/tally';

describe('the opening rush of a sale that sheds a share of it', () => {
  let installation: Installation;
  let product: TestProduct;
  let other: TestProduct;

  beforeAll(async () => {
    installation = await createInstallation();
    product = await TestProduct.start({}, installation);
    other = await TestProduct.start({ ROLES: 'api' }, installation);
  });

  afterAll(async () => {
    await Promise.all([product.stop(), other.stop()]);
    await installation.drop();
  });

  /** Open for so long that all clocks agree, and with most of a lot of 60 s before it. */
  async function openSale(shedding: object): Promise<string> {
    const id = await product.client.openSale({ stock: 10_000, limitPerUser: 100,
      protection: { shedding }, opensAt: new Date(Date.now() - 65_000).toISOString() });
    // A process sheds nobody of a sale that it has not heard of.
    await until('the other process knows the sale', async () =>
      other.get(SaleCatalog).peek(id) !== undefined, 60_000);
    return id;
  }

  /** What comes of asking; a busy machine may send a buyer away for another reason. */
  const outcomeFor = (client: TestClient, saleId: string, userId: string) =>
    until('there is an answer', async () => {
      const answer = await client.buy(saleId, userId);
      return answer.status !== 503 && outcomeOf(answer);
    });

  it('gives each buyer one fate, however often and wherever he asks', async () => {
    const buyers = 200;
    const asked = await until('all have asked before the next lot is drawn', async () => {
      const startedAt = performance.now();
      const saleId = await openSale({ share: 0.5, retryAfterSeconds: 60, forSeconds: 3_600 });
      const outcomes = await times(buyers, (index) => Promise.all([product, other, product]
        .map(({ client }) => outcomeFor(client, saleId, `b-${index}`))));
      // The lot lasts for 55 s more when a sale is made.
      return performance.now() - startedAt < 50_000 && outcomes;
    }, 90_000);
    const fates = asked.map((outcomes) => {
      expect(new Set(outcomes).size).toBe(1);
      return outcomes[0];
    });
    const shed = fates.filter((fate) => fate === 'RATE_LIMITED').length;
    expect(shed + fates.filter((fate) => fate === '202').length).toBe(buyers);
    // Six standard deviations of a fair lot.
    expect(Math.abs(shed - buyers / 2)).toBeLessThan(6 * Math.sqrt(buyers / 4));
  });

  it('tells whom it sheds when the next lot is drawn', async () => {
    const saleId = await openSale({ share: 0.99, retryAfterSeconds: 60, forSeconds: 3_600 });
    const answers = await times(20, (index) => product.client.buy(saleId, `b-${index}`));
    const refused = answers.find(({ status }) => status === 429);
    if (!refused) throw new Error('Nobody was shed');
    expectProblem(refused, 'RATE_LIMITED');
    const wait = Number(refused.headers['retry-after']);
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60);
    expect(refused.headers).toMatchObject({ 'ratelimit': `"opening";r=0;t=${wait}`,
      'ratelimit-policy': '"opening";q=1;w=60' });
  });

  it('serves everybody in the end who comes back when he was told to', async () => {
    const saleId = await openSale({ share: 0.6, retryAfterSeconds: 1, forSeconds: 3_600 });
    const rounds = await times(12, async (index) => {
      for (let round = 1; round <= 30; round += 1) {
        const { status, headers } = await product.client.buy(saleId, `b-${index}`);
        if (status === 202) return round;
        await sleep(Number(headers['retry-after']) * 1_000);
      }
      throw new Error('He lost 30 lots');
    });
    expect(Math.max(...rounds)).toBeGreaterThan(1); // else the lot was never against anybody
  });

  it('is over when the seconds are that it was meant for', async () => {
    const saleId = await openSale({ share: 0.99, retryAfterSeconds: 60, forSeconds: 5 });
    expect(tally(await times(50, (index) => product.client.buy(saleId, `b-${index}`))))
      .toEqual({ 202: 50 });
  });
});

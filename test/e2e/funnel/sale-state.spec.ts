import { expectProblem } from '../../support/expect-problem';
import { makePatient } from '../../support/patient';
import { TestProduct } from '../../support/product';
import { earn, mint } from '../../support/proofs';
import { until } from '../../support/until';
import { withEnoughTime } from '../support/enough-time';
import { tally, times } from './support/tally';

const protection = { saleToken: true, captcha: 'always', risk: 'on',
  throttle: { user: '50/60', ip: '1000/60' } };

/** Everything is switched on, and the buyer does everything right. */
describe('a guarded sale', () => {
  let product: TestProduct;

  beforeAll(async () => {
    product = await TestProduct.start();
    makePatient(product);
  });
  afterAll(() => product.stop());

  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();

  async function proofsOf(saleId: string, userId: string) {
    return { 'x-sale-token': await earn(product, 'sale token', saleId, userId),
      'x-captcha-token': await earn(product, 'captcha token', saleId, userId) };
  }

  it('hands out sale tokens before it opens, says when, and then sells for them', async () => {
    const { client } = product;
    const { saleId, opensAt, headers } = await withEnoughTime('both refusals', async (seconds) => {
      const opens = inSeconds(2 * seconds);
      const id = await client.openSale({ protection, opensAt: opens });
      const proof = await proofsOf(id, 'early');
      const early = await client.buy(id, 'early', { headers: proof });
      const { body } = await client.call<{ state: string }>('GET', `/v1/sales/${id}`);
      // As far as the clocks agree: 5 s before the opening nobody may see it open.
      if (Date.now() > Date.parse(opens) - 5_000 && body.state !== 'scheduled') return undefined;
      expect(body.state).toBe('scheduled');
      expectProblem(early, 'SALE_NOT_OPEN');
      expect(early.body.opensAt).toBe(opens);
      return { saleId: id, opensAt: opens, headers: proof };
    });
    const bought = await until('it is open', async () => {
      const answer = await client.buy(saleId, 'early', { headers });
      return answer.body.code !== 'SALE_NOT_OPEN' && answer;
    }, 90_000);
    expect(bought.status).toBe(202);
    expect(Date.parse(bought.body.createdAt)).toBeGreaterThanOrEqual(Date.parse(opensAt));
  }, 240_000);

  it('is said to be over, not to open, once it was closed before its opening', async () => {
    const saleId = await product.client.openSale({ opensAt: inSeconds(3_600) });
    expectProblem(await product.client.buy(saleId, 'ann'), 'SALE_NOT_OPEN');
    await product.client.operate(saleId, 'close');
    expectProblem(await product.client.buy(saleId, 'ann'), 'SALE_CLOSED');
  });

  it('issues tokens that end with the sale, and only to users who are signed in', async () => {
    const closesAt = inSeconds(600);
    const saleId = await product.client.openSale({ protection, closesAt });
    const { body, status } = await product.client.call<{ expiresAt: string }>('POST',
      `/v1/sales/${saleId}/tokens`, { as: 'ann' });
    expect([status, body.expiresAt]).toEqual([201, closesAt]);
    const asked = product.client.call('POST', `/v1/sales/${saleId}/tokens`);
    expectProblem(await asked, 'UNAUTHENTICATED');
  });

  it('says that it is paused and when to come back, keeps the proofs, and sells on', async () => {
    const { client } = product;
    const saleId = await client.openSale({ protection });
    const headers = await proofsOf(saleId, 'ann');
    await client.operate(saleId, 'pause');
    const paused = await client.buy(saleId, 'ann', { headers });
    expectProblem(paused, 'SALE_PAUSED');
    expect(Number(paused.headers['retry-after'])).toBeGreaterThan(0);
    await client.operate(saleId, 'resume');
    expect((await client.buy(saleId, 'ann', { headers })).status).toBe(202);
  });

  it('says that it is over, to those with proofs and by its tokens', async () => {
    const { client } = product;
    const saleId = await client.openSale({ protection });
    const headers = await proofsOf(saleId, 'ann');
    await client.operate(saleId, 'close');
    expectProblem(await client.buy(saleId, 'ann', { headers }), 'SALE_CLOSED');
    expectProblem(await client.call('POST', `/v1/sales/${saleId}/tokens`, { as: 'ann' }),
      'SALE_CLOSED');
  });

  it.each(['pause', 'close'] as const)(
    'answers a buyer with his order after a %s, whatever he still has', async (operation) => {
      const { client } = product;
      const saleId = await client.openSale({ protection });
      const headers = await proofsOf(saleId, 'ann');
      const { id } = await client.order(saleId, 'ann', { key: 'key', headers });
      await client.operate(saleId, operation);
      const answers = [await client.buy(saleId, 'ann', { key: 'key', headers }),
        await client.buy(saleId, 'ann', { key: 'key' })];
      expect(answers.map(({ status, body }) => [status, body.id])).toEqual([[200, id], [200, id]]);
    });

  it('sells to one user no more than the limit for 200 requests at once, each with its proofs',
    async () => {
      const { client } = product;
      const limitPerUser = 3;
      const saleId = await client.openSale({ stock: 1_000, limitPerUser,
        protection: { saleToken: true, captcha: 'always' } });
      const binding = { userId: 'greedy', saleId };
      const answers = await times(200, async (index) => client.buy(saleId, 'greedy', { headers: {
        'x-sale-token': await mint(product, 'sale token', binding, 60_000),
        'x-captcha-token': await mint(product, 'captcha token', binding, 60_000),
        'x-device-id': `device-${index}` } }));
      expect(tally(answers)).toEqual({ 202: limitPerUser, LIMIT_EXCEEDED: 200 - limitPerUser });
      const { redis, database } = await client.atRest(saleId);
      expect([redis.available, database.allocated]).toEqual([1_000 - limitPerUser, limitPerUser]);
    });

  it('sells the last unit to one of 200 buyers who have done everything right', async () => {
    const { client } = product;
    const saleId = await client.openSale({ stock: 1,
      protection: { saleToken: true, captcha: 'always' } });
    const answers = await times(200, async (index) => {
      const binding = { userId: `buyer-${index}`, saleId };
      return client.buy(saleId, binding.userId, { headers: {
        'x-sale-token': await mint(product, 'sale token', binding, 60_000),
        'x-captcha-token': await mint(product, 'captcha token', binding, 60_000) } });
    });
    expect(tally(answers)).toEqual({ 202: 1, SOLD_OUT: 199 });
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Identity } from '../../../src/auth';
import { Database } from '../../../src/infra/database';
import { AdmissionRedis } from '../../../src/infra/redis';
import { startRedis, type Server } from '../../../tools/lib/servers.mjs';
import { admin } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { earn } from '../../support/proofs';
import { until } from '../../support/until';
import { tally, times } from './support/tally';

const reviewer: Identity = { userId: 'reviewer', roles: ['risk'] };
/** Old accounts and young ones, as the token says. */
const buyer = (userId: string, ageSeconds = 1_000_000) =>
  ({ userId, roles: [], registeredAt: Math.floor(Date.now() / 1_000) - ageSeconds });

/** A young account alone is refused; whatever is counted in Redis is not known to anybody. */
const rules = {
  refuseAbove: 0.7, captchaAbove: 0.4, captchaAfterAttemptsPerMinute: 10_000,
  rules: [
    { id: 'young', description: 'Made a minute ago', score: 1, mode: 'on',
      when: { all: [{ signal: 'accountAgeSeconds', op: '<', value: 60 }] } },
    { id: 'doubtful', description: 'Made an hour ago', score: 0, captcha: true, mode: 'on',
      when: { all: [{ signal: 'accountAgeSeconds', op: '<', value: 3_600 }] } },
    { id: 'first', description: 'Nothing is known', score: 1, mode: 'on',
      when: { all: [{ signal: 'attemptsLastHour', op: '=', value: 0 }] } },
  ],
};

describe('the funnel of a sale that goes on without Redis', () => {
  let folder: string;
  let server: Server;
  let product: TestProduct;
  const sales = { plain: '', risky: '', proven: '', invited: '' };
  let earnedBefore: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-funnel-'));
    server = await startRedis({ dir: folder });
    product = await TestProduct.start({ REDIS_URL: server.url, REDIS_OUTAGE_SECONDS: '1',
      THROTTLE_USER: '3/600', HOLDS_PER_USER: '1', CAPTCHA: 'off' });
    const { client } = product;
    const open = (protection: object) =>
      client.openSale({ stock: 100, limitPerUser: 2, redisOutage: 'database', protection });
    sales.plain = await open({});
    sales.risky = await open({ risk: 'on', captcha: 'risk' });
    sales.proven = await open({ captcha: 'always' });
    sales.invited = await open({ saleToken: true });
    await client.call('PUT', '/admin/v1/risk/rules', { as: reviewer, body: rules });
    earnedBefore = await earn(product, 'captcha token', sales.proven, 'human');
    server.kill();
    await server.exited;
    await Promise.all(Object.values(sales).map((saleId) => until('in the database', async () => {
      const [row] = await product.get(Database).query<{ gate: string }>(
        'SELECT gate FROM sale_stock WHERE sale_id = ?', [saleId]);
      return row?.gate === 'database';
    }, 60_000)));
  }, 180_000);

  afterAll(async () => {
    await product.stop();
    server.kill();
    await server.exited;
    rmSync(folder, { recursive: true });
  });

  const buy = (saleId: string, as: ReturnType<typeof buyer>, headers: Record<string, string> = {}) =>
    product.client.call('POST', `/v1/sales/${saleId}/orders`, { as, body: { quantity: 1 },
      headers: { 'idempotency-key': `${as.userId}-${Math.random()}`, ...headers } });

  it('lets everybody ask as often as before, and no more often', async () => {
    const hasty = tally(await times(20, () => product.client.buy(sales.plain, 'hasty')));
    expect(hasty).toMatchObject({ RATE_LIMITED: 17 });
    // Whom the database keeps waiting for too long is told to ask again with his key.
    const crowd = await times(30, (index) =>
      product.client.buyInTheEnd(sales.plain, `buyer-${index}`));
    for (const { status } of crowd) expect([200, 202]).toContain(status);
  }, 90_000);

  it('refuses by what a request says itself, and nobody for what is not known', async () => {
    expectProblem(await buy(sales.risky, buyer('young', 1)), 'RISK_REJECTED');
    expect((await buy(sales.risky, buyer('old'))).status).toBe(202);
  });

  it('asks nobody for a captcha by doubt, since none can be had', async () => {
    expect((await buy(sales.risky, buyer('doubtful', 600))).status).toBe(202);
    expectProblem(await product.client.call('POST', '/v1/captcha/challenges',
      { as: 'doubtful', body: { saleId: sales.risky } }), 'TEMPORARILY_UNAVAILABLE');
  });

  it('takes a captcha that was solved before, where everybody needs one', async () => {
    expectProblem(await buy(sales.proven, buyer('late')), 'CAPTCHA_REQUIRED');
    expect((await buy(sales.proven, buyer('human'), { 'x-captcha-token': earnedBefore })).status)
      .toBe(202);
    expectProblem(await buy(sales.proven, buyer('human'), { 'x-captcha-token': earnedBefore }),
      'CAPTCHA_REQUIRED');
  });

  it('gives out sale tokens, as often as one may ask, and takes each once', async () => {
    const token = await earn(product, 'sale token', sales.invited, 'guest');
    expectProblem(await buy(sales.invited, buyer('nobody')), 'SALE_TOKEN_INVALID');
    expect((await buy(sales.invited, buyer('guest'), { 'x-sale-token': token })).status).toBe(202);
    expectProblem(await buy(sales.invited, buyer('guest'), { 'x-sale-token': token }),
      'SALE_TOKEN_INVALID');
    expectProblem(await product.client.call('POST', `/v1/sales/${sales.invited}/tokens`,
      { as: 'guest' }), 'RATE_LIMITED');
  });

  it('shows that the funnel leaves Redis alone', async () => {
    const redis = product.get(AdmissionRedis);
    await until('left alone', async () => {
      await product.client.call('POST', '/v1/captcha/challenges',
        { as: 'doubtful', body: { saleId: sales.risky } });
      return redis.isOpenCircuit;
    }, 60_000);
    const { text } = await product.client.call('GET', '/metrics', { as: admin });
    expect(text).toMatch(/circuit_open\{dependency="redis-admission"\} 1/);
    expect(text).toMatch(/circuit_open\{dependency="database"\} 0/);
  }, 90_000);

  it('tells afterwards what it has refused meanwhile', async () => {
    server = await startRedis({ dir: folder, port: server.port });
    const refused = await until('counted', async () => {
      const { body } = await product.client.call<{ refusals?: Record<string, number> }>('GET',
        `/admin/v1/sales/${sales.plain}/report`, { as: admin });
      return body.refusals?.RATE_LIMITED;
    }, 60_000);
    expect(refused).toBe(17);
    await until('told', async () => (await product.client.call('GET',
      `/admin/v1/sales/${sales.plain}/buyers/hasty/timeline`, { as: admin }))
      .text.includes('RATE_LIMITED'), 60_000);
  }, 180_000);
});

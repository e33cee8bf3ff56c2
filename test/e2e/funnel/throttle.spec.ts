import { setTimeout as sleep } from 'node:timers/promises';
import { SaleCatalog } from '../../../src/sale';
import type { Answer } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { makePatient } from '../../support/patient';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { until } from '../../support/until';
import { withEnoughTime } from '../support/enough-time';
import { outcomeOf, tally, times } from './support/tally';

const requests = 200;
const byUser = 20;
const byAddress = 40;
const byDevice = 30;

describe('buyers who ask too often', () => {
  let installation: Installation;
  let product: TestProduct;
  let other: TestProduct;
  let saleId: string;

  beforeAll(async () => {
    const environment = { TRUST_PROXY: '127.0.0.1', THROTTLE_USER: `${byUser}/60`,
      THROTTLE_IP: `${byAddress}/60`, THROTTLE_DEVICE: `${byDevice}/60` };
    installation = await createInstallation();
    product = await TestProduct.start(environment, installation);
    makePatient(product);
    other = await TestProduct.start({ ...environment, ROLES: 'api' }, installation);
    makePatient(other);
    saleId = await openSale();
  });

  afterAll(async () => {
    await Promise.all([product.stop(), other.stop()]);
    await installation.drop();
  });

  async function openSale(protection = {}): Promise<string> {
    const id = await product.client.openSale({ stock: 100_000, limitPerUser: 1_000, protection });
    // Until then it lets through by what the configuration says.
    await until('the other process knows the sale', async () =>
      other.get(SaleCatalog).peek(id) !== undefined, 60_000);
    return id;
  }

  /** From an address of its own where none is given. Every second one goes to the other process. */
  let asked = 0;
  function buy(userId: string,
    { ip, at = saleId, device }: { ip?: string; at?: string; device?: string } = {}) {
    asked += 1;
    return (asked % 2 === 0 ? product : other).client.buy(at, userId, { headers: {
      'x-forwarded-for': ip ?? `198.51.${asked >> 8}.${asked & 255}`,
      ...(device !== undefined && { 'X-DEVICE-ID': device }) } });
  }

  /** Fails unless the answer says in all three headers what was exceeded, and until when. */
  function expectThrottled(answer: Answer<unknown>, name: string, limit: number, seconds: number) {
    expectProblem(answer, 'RATE_LIMITED');
    const wait = Number(answer.headers['retry-after']);
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(seconds);
    expect(answer.headers).toMatchObject({ 'ratelimit': `"${name}";r=0;t=${wait}`,
      'ratelimit-policy': `"${name}";q=${limit};w=${seconds}` });
    expect(answer.body.detail).toContain(`Ask again in ${wait} s.`);
  }

  it('get exactly as many answers as the limit, of 200 that they ask for at once', async () => {
    const answers = await times(requests, () => buy('flood'));
    expect(tally(answers)).toEqual({ 202: byUser, RATE_LIMITED: requests - byUser });
    for (const refused of answers.filter(({ status }) => status === 429)) {
      expectThrottled(refused, 'user', byUser, 60);
    }
    for (const at of [product, other]) {
      expectThrottled(await at.client.buy(saleId, 'flood'), 'user', byUser, 60);
    }
    expect((await buy('somebody-else')).status).toBe(202);
  });

  it('are let through no sooner than a whole window after those that filled it', async () => {
    await withEnoughTime('the third comes within the window', async (seconds) => {
      const short = await openSale({ throttle: { user: `2/${seconds}` } });
      const buyShort = () => buy(`impatient-${seconds}`, { at: short });
      const startedMs = performance.now();
      const expectWholeWindow = () =>
        expect(performance.now() - startedMs).toBeGreaterThanOrEqual(seconds * 1_000);
      expect(tally([await buyShort(), await buyShort()])).toEqual({ 202: 2 });
      const third = await buyShort();
      if (third.status === 202) {
        expectWholeWindow();
        return undefined;
      }
      expectThrottled(third, 'user', 2, seconds);
      await until('he is let through', async () => outcomeOf(await buyShort()) === '202', 60_000);
      expectWholeWindow();
      return true;
    });
  }, 180_000);

  it('can buy as before when they have waited as long as they were told', async () => {
    await withEnoughTime('each twenty ask within the window', async (seconds) => {
      const short = await openSale({ throttle: { user: `5/${seconds}` } });
      const rush = () => times(20, () => buy(`patient-${seconds}`, { at: short }));
      const startedMs = performance.now();
      const first = await rush();
      const tookMs = performance.now() - startedMs;
      if (tookMs > seconds * 1_000) return undefined;
      expect(tally(first)).toEqual({ 202: 5, RATE_LIMITED: 15 });
      const waits = first.flatMap(({ headers }) => Number(headers['retry-after'] ?? 0));
      // Who was let through last may be let through again that much later than the first.
      await sleep(Math.max(...waits) * 1_000 + tookMs);
      const againMs = performance.now();
      const again = await rush();
      if (performance.now() - againMs > seconds * 1_000) return undefined;
      expect(tally(again)).toEqual({ 202: 5, RATE_LIMITED: 15 });
      return true;
    });
  }, 180_000);

  it('do not escape through the addresses of their IPv6 network', async () => {
    const answers = await times(requests, (index) => {
      const hex = index.toString(16);
      return buy(`bot-${index}`, { ip: `2001:db8:1:2:${hex}::${hex}7` });
    });
    expect(tally(answers)).toEqual({ 202: byAddress, RATE_LIMITED: requests - byAddress });
    for (const refused of answers.filter(({ status }) => status === 429)) {
      expectThrottled(refused, 'ip', byAddress, 60);
    }
    expect((await buy('neighbour', { ip: '2001:db8:1:3::1' })).status).toBe(202);
  });

  it('do not escape by writing their address in other ways', async () => {
    const spellings = ['203.0.113.9', '::ffff:203.0.113.9', '::FFFF:cb00:7109',
      '198.51.100.77, 203.0.113.9'];
    const answers = await times(requests, (index) =>
      buy(`speller-${index}`, { ip: spellings[index % spellings.length] }));
    expect(tally(answers)).toEqual({ 202: byAddress, RATE_LIMITED: requests - byAddress });
  });

  it('do not escape with other accounts on the same device', async () => {
    const answers = await times(requests, (index) =>
      buy(`account-${index}`, { device: 'phone' }));
    expect(tally(answers)).toEqual({ 202: byDevice, RATE_LIMITED: requests - byDevice });
    expect((await buy('account-1', { device: 'tablet' })).status).toBe(202);
  });

  it('do not escape to captchas, sale tokens or another sale: all counts together', async () => {
    const elsewhere = await openSale();
    const calls = await times(requests, (index): Promise<Answer<unknown>> => {
      const ip = `192.0.2.${index}`;
      const headers = { 'x-forwarded-for': ip };
      const at = index % 8 < 4 ? product : other;
      switch (index % 4) {
        case 0: return buy('busy', { ip });
        case 1: return buy('busy', { ip, at: elsewhere });
        case 2: return at.client.call('POST', `/v1/sales/${saleId}/tokens`,
          { as: 'busy', headers });
        default: return at.client.call('POST', '/v1/captcha/challenges',
          { as: 'busy', headers, body: { saleId } });
      }
    });
    expect(calls.filter(({ status }) => status < 300)).toHaveLength(byUser);
    expect(tally(calls)['RATE_LIMITED']).toBe(requests - byUser);
  });

  it('can still read, see their orders and cancel them', async () => {
    const { body } = await buy('reader');
    await product.client.inStatus(body.id, 'reader', 'pending_payment');
    await times(byUser, () => buy('reader'));
    expect(outcomeOf(await buy('reader'))).toBe('RATE_LIMITED');
    const { client } = product;
    const reads = [client.find(body.id, 'reader'), client.cancel(body.id, 'reader'),
      client.call('GET', `/v1/sales/${saleId}`), client.call('GET', `/v1/sales/${saleId}/me`,
        { as: 'reader' })];
    expect(tally(await Promise.all(reads))).toEqual({ 200: reads.length });
  });

  it('are held to what a sale says itself, and there alone', async () => {
    const strict = await openSale({ throttle: { user: '3/60' } });
    const free = await openSale({ throttle: { user: 'off', ip: 'off' } });
    expect(tally(await times(50, () => buy('fan', { at: strict }))))
      .toEqual({ 202: 3, RATE_LIMITED: 47 });
    expectThrottled(await buy('fan', { at: strict }), 'user', 3, 60);
    expect(tally(await times(50, () => buy('fan', { ip: '203.0.113.50', at: free }))))
      .toEqual({ 202: 50 });
    expect(tally(await times(50, () => buy('fan'))))
      .toEqual({ 202: byUser, RATE_LIMITED: 50 - byUser });
  });
});

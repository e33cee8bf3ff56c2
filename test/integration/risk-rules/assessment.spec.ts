import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { toProblem } from '../../../src/infra/http/to-problem';
import { newId } from '../../../src/kernel';
import { freePort } from '../../../tools/lib/servers.mjs';
import { attempt, orderOf, RiskParts, saleWith } from './risk-parts';

const noCaps = { HOLDS_PER_USER: 'off', HOLDS_PER_DEVICE: 'off' };

describe('the assessment of an attempt', () => {
  // What is logged of servers that are away on purpose would bury what failed.
  beforeAll(() => { Logger.overrideLogger(false); });
  const opened: RiskParts[] = [];
  async function partsWith(environment: Record<string, string> = {}): Promise<RiskParts> {
    const parts = new RiskParts(environment);
    opened.push(parts);
    await parts.connected();
    return parts;
  }
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((parts) => parts.close()));
  });

  const nowSeconds = () => Math.floor(Date.now() / 1_000);
  /** A user whom the shipped rules refuse at once: a new account on device and address of a ring. */
  async function member(parts: RiskParts, sale = saleWith()) {
    const deviceId = newId('device');
    const ip = `2001:db8:${randomBytes(2).toString('hex')}:${randomBytes(2).toString('hex')}::1`;
    for (let i = 0; i < 6; i += 1) await parts.signals.observe(attempt({ deviceId, ip }), true);
    return attempt({ deviceId, ip, sale, registeredAt: nowSeconds() - 60 });
  }

  it('passes a buyer of whom nothing bad is known', async () => {
    const parts = await partsWith();
    const subject = attempt({ registeredAt: nowSeconds() - 1e6 });
    expect(await parts.assessor.assess(subject)).toMatchObject({ score: 0, findings: [],
      action: 'pass', attemptsLastMinute: 1, hold: 'free', isNewHold: true, payWindowSeconds: 900 });
  });

  it('refuses a member of a ring, with the rules and the numbers as evidence', async () => {
    const parts = await partsWith();
    expect(await parts.assessor.assess(await member(parts))).toMatchObject({
      score: 0.8, action: 'refuse', signals: { usersOfDevice: 7 },
      findings: [{ rule: 'new-account', score: 0.3, mode: 'on' },
        { rule: 'first-purchase-of-new-account', score: 0, mode: 'on' },
        { rule: 'shared-device', score: 0.4, mode: 'on' },
        { rule: 'shared-address', score: 0.1, mode: 'on' }] });
    const scrape = await parts.metrics.scrape();
    expect(scrape).toContain('risk_findings_total{rule="shared-device",mode="on"} 1');
    expect(scrape).toContain('risk_actions_total{action="refuse"} 1');
  });

  it('asks for a captcha after more than ten attempts a minute', async () => {
    const parts = await partsWith();
    const subject = attempt();
    const actions = [];
    for (let i = 0; i < 20; i += 1) actions.push((await parts.assessor.assess(subject)).action);
    // The minute may turn in between; then what lies before it counts less, and ever less.
    expect(actions.slice(0, 10)).toEqual(Array(10).fill('pass'));
    expect(actions.at(-1)).toBe('captcha');
  });

  it('finds, but does not act, where the sale only watches', async () => {
    const parts = await partsWith();
    const subject = await member(parts, saleWith({ protection: { risk: 'shadow' } }));
    expect(await parts.assessor.assess(subject)).toMatchObject({ score: 0.8, action: 'pass' });
  });

  it('follows the sale rather than the configuration', async () => {
    const parts = await partsWith({ RISK: 'off' });
    const watched = await member(parts, saleWith({ protection: { risk: 'on' } }));
    expect(await parts.assessor.assess(watched)).toMatchObject({ action: 'refuse' });
    expect(await parts.assessor.assess({ ...watched, sale: saleWith() }))
      .toMatchObject({ action: 'pass', score: 0, signals: {} });
  });

  it('caps unpaid orders also where the rules are off', async () => {
    const parts = await partsWith({ RISK: 'off', HOLDS_PER_USER: '1' });
    const userId = newId('user');
    await parts.assessor.assess(attempt({ userId }));
    expect(await parts.assessor.assess(attempt({ userId }))).toMatchObject({ hold: 'over_user' });
  });

  it('gives less time to pay after each order that expired', async () => {
    const parts = await partsWith();
    const userId = newId('user');
    const windows = [];
    for (let i = 0; i < 3; i += 1) {
      windows.push((await parts.assessor.assess(attempt({ userId }))).payWindowSeconds);
      await parts.holds.decided([orderOf(attempt({ userId }), 'expired')]);
    }
    expect(windows).toEqual([900, 450, 225]);
  });

  it('throws what becomes 503 when Redis is away, and passes nobody', async () => {
    const away = new RiskParts({ REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    opened.push(away);
    const fault: unknown = await away.assessor.assess(attempt()).catch((error: unknown) => error);
    expect(toProblem(fault)).toMatchObject({ code: 'TEMPORARILY_UNAVAILABLE', status: 503 });
  });

  it('asks no Redis where risk and both caps are off', async () => {
    const away = new RiskParts({ ...noCaps, RISK: 'off',
      REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    opened.push(away);
    expect(await away.assessor.assess(attempt()))
      .toMatchObject({ action: 'pass', hold: 'free', isNewHold: false, payWindowSeconds: 900 });
  });

  it('survives that Redis is away where nobody waits for it', async () => {
    const away = new RiskParts({ REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    opened.push(away);
    const subject = attempt();
    await away.holds.release({ userId: 'alice', rid: 'r1' });
    await away.holds.keep(subject, true);
    await away.holds.decided([orderOf(subject, 'expired')]);
  });

  it('scores somebody as his next attempt would be, and counts nothing', async () => {
    const parts = await partsWith();
    const subject = await member(parts);
    const before = await parts.scores.scoreOf(subject);
    expect(await parts.scores.scoreOf(subject)).toBe(before);
    await parts.assessor.assess(subject);
    expect([before, await parts.scores.scoreOf(subject)]).toEqual([0.8, 0.8]);
    expect(await parts.signals.look(subject)).toMatchObject({ attemptsLastHour: 1 });
  });

  it('scores nobody without rules or without Redis', async () => {
    const off = await partsWith({ RISK: 'off' });
    expect(await off.scores.scoreOf(await member(off))).toBe(0);
    const away = new RiskParts({ REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    opened.push(away);
    expect(await away.scores.scoreOf(attempt({ registeredAt: nowSeconds() }))).toBe(0);
  });

  it('keeps a sample within its allowance, and knows how many attempts it is of', async () => {
    const parts = await partsWith();
    const rounds = [3_000, 3_000, 3];
    for (const attempts of rounds) {
      for (let i = 0; i < attempts; i += 1) {
        parts.recent.add({ userId: `user-${i}`, saleId: 'sale', signals: { quantity: 1 } });
      }
      await parts.recent.flush();
    }
    const weights: number[] = [];
    for await (const { weight } of parts.recent.ofLastHour()) weights.push(weight);
    expect(weights).toHaveLength(500 + 377 + 3);
    expect(Math.round(weights.reduce((sum, weight) => sum + weight, 0))).toBe(6_003);
    expect(weights.slice(-3)).toEqual([1, 1, 1]);
  });

  it('never keeps more than 20,000 attempts for all processes', async () => {
    const parts = await partsWith();
    const key = parts.redis.sample();
    const pipeline = parts.admission.connection.pipeline();
    for (let i = 0; i < 21_000; i += 1) pipeline.xadd(key, '*', 'attempt', '{}');
    await pipeline.exec();
    parts.recent.add({ userId: 'alice', saleId: 'sale', signals: {} });
    await parts.recent.flush();
    // Redis trims whole nodes of 100 entries.
    expect(await parts.admission.connection.xlen(key)).toBeLessThanOrEqual(20_100);
  });
});

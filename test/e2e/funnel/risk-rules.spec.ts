import { CaptchaClient, solve } from '../../support/captcha-client';
import type { Answer } from '../../support/client';
import { CaseDesk, doubtful, harmless, reviewer, risky, rulesOfTests, watchingRules }
  from '../../support/case-desk';
import { expectProblem } from '../../support/expect-problem';
import { createInstallation, type Installation } from '../../support/product';
import { until } from '../../support/until';

describe('the risk rules', () => {
  let installation: Installation;
  let desk: CaseDesk;
  let other: CaseDesk;

  beforeAll(async () => {
    installation = await createInstallation();
    desk = await CaseDesk.start({}, installation);
    other = await CaseDesk.start({ ROLES: 'api' }, installation);
  });
  afterAll(async () => {
    await other.stop();
    await desk.stop();
    await installation.drop();
  });

  let buyers = 0;
  const somebody = () => `somebody-${buyers += 1}`;
  const codeOf = ({ status, body }: Answer<unknown>) => body.code ?? status;
  const casesOf = async (userId: string) => {
    const { body } = await desk.client.call<{ items: { userId: string }[] }>('GET',
      '/admin/v1/risk/cases', { as: reviewer });
    return body.items.filter((item) => item.userId === userId);
  };

  /** A new captcha token of the user. */
  async function captchaToken(saleId: string, userId: string): Promise<string> {
    const captcha = new CaptchaClient(desk.product);
    const { body } = await captcha.pose(saleId, userId);
    const solved = await captcha.answer(body.id, userId, await solve(body.challenge));
    return solved.body.captchaToken;
  }

  describe('edited while buyers come to two processes', () => {
    afterEach(() => desk.putRules(rulesOfTests));

    it('act on both soon after, and stop acting soon after', async () => {
      const saleId = await desk.openSale({ stock: 1_000 });
      const answersAre = (wanted: string | number) => until(`both answer ${wanted}`, async () => {
        const codes = await Promise.all([desk, other].map(async ({ client }) =>
          codeOf(await client.buy(saleId, somebody(), risky))));
        return codes.every((code) => code === wanted);
      }, 30_000);
      await answersAre('RISK_REJECTED');
      expect((await desk.putRules(watchingRules)).status).toBe(200);
      await answersAre(202);
      expect((await other.putRules(rulesOfTests)).status).toBe(200);
      await answersAre('RISK_REJECTED');
    }, 120_000);

    it('refuse nobody in shadow mode, open no case, and are counted', async () => {
      await desk.putRules(watchingRules);
      const saleId = await desk.openSale();
      const userId = somebody();
      expect(codeOf(await desk.client.buy(saleId, userId, risky))).toBe(202);
      const { text } = await desk.client.call('GET', '/metrics');
      expect(text).toMatch(/risk_findings_total\{rule="asks-for-3",mode="shadow"\} [1-9]/);
      expect(await casesOf(userId)).toEqual([]);
    });

    it('are as they were when an edit is not valid', async () => {
      const wrong = { ...rulesOfTests, rules: [{ ...rulesOfTests.rules[0], when: {
        all: [{ signal: '__proto__', op: '>', value: 0 }] } }] };
      expectProblem(await desk.putRules(wrong), 'VALIDATION_FAILED');
      expectProblem(await desk.client.buy(await desk.openSale(), somebody(), risky),
        'RISK_REJECTED');
    });
  });

  it('only watch a sale that says so', async () => {
    const saleId = await desk.openSale({ protection: { risk: 'shadow' } });
    const userId = somebody();
    expect(codeOf(await desk.client.buy(saleId, userId, risky))).toBe(202);
    expect(await casesOf(userId)).toEqual([]);
  });

  it('ask for a captcha at a middle score; who solves it buys, and has no case', async () => {
    const saleId = await desk.openSale();
    const userId = somebody();
    expectProblem(await desk.client.buy(saleId, userId, doubtful), 'CAPTCHA_REQUIRED');
    const headers = { 'x-captcha-token': await captchaToken(saleId, userId) };
    expect(codeOf(await desk.client.buy(saleId, userId, { ...doubtful, headers }))).toBe(202);
    expectProblem(await desk.client.buy(saleId, userId, { ...doubtful, headers }),
      'CAPTCHA_REQUIRED');
    expect(await casesOf(userId)).toEqual([]);
  });

  it('are owed a captcha until somebody has bought with one, not until he has shown one', async () => {
    const saleId = await desk.openSale({ limitPerUser: 4 });
    const userId = somebody();
    const buy = async (what: object, token?: string) => codeOf(await desk.client.buy(saleId, userId,
      { ...what, headers: token === undefined ? {} : { 'x-captcha-token': token } }));
    const spent = await captchaToken(saleId, userId);
    expect(await buy(doubtful, spent)).toBe(202);
    expect(await buy(doubtful)).toBe('CAPTCHA_REQUIRED');
    expect(await buy(doubtful, spent)).toBe('CAPTCHA_REQUIRED');
    expect(await buy(harmless)).toBe('CAPTCHA_REQUIRED');
    const good = await captchaToken(saleId, userId);
    expect(await buy({ quantity: 4 }, good)).toBe('LIMIT_EXCEEDED');
    expect(await buy(harmless)).toBe('CAPTCHA_REQUIRED');
    expect(await buy(harmless, good)).toBe(202);
    expect(await buy(harmless)).toBe(202);
  });

  it('refuse at a high score, captcha or not', async () => {
    const saleId = await desk.openSale();
    const userId = somebody();
    const headers = { 'x-captcha-token': await captchaToken(saleId, userId) };
    expectProblem(await desk.client.buy(saleId, userId, { ...risky, headers }), 'RISK_REJECTED');
  });

  it('ask for no captcha where the sale wants none', async () => {
    const saleId = await desk.openSale({ protection: { captcha: 'off' } });
    expect(codeOf(await desk.client.buy(saleId, somebody(), doubtful))).toBe(202);
  });

  it('ask for a captcha after more than ten attempts a minute, not before', async () => {
    const saleId = await desk.openSale({ limitPerUser: 1 });
    const userId = somebody();
    const codes = [];
    for (let i = 0; i < 10; i += 1) codes.push(codeOf(await desk.client.buy(saleId, userId)));
    expect(codes).toEqual([202, ...Array<string>(9).fill('LIMIT_EXCEEDED')]);
    // When the minute turns in between, what lies before it counts a little less.
    await until('a captcha is asked for', async () =>
      codeOf(await desk.client.buy(saleId, userId)) === 'CAPTCHA_REQUIRED', 45_000);
    const headers = { 'x-captcha-token': await captchaToken(saleId, userId) };
    expectProblem(await desk.client.buy(saleId, userId, { headers }), 'LIMIT_EXCEEDED');
    expect(codeOf(await desk.client.buy(saleId, somebody(), harmless))).toBe(202);
  });
});

import { CaptchaTokens } from '../../../src/captcha';
import { Overload } from '../../../src/infra/overload';
import { AdmissionRedis } from '../../../src/infra/redis';
import { CaptchaClient, type PosedImage, pictureText, solve } from '../../support/captcha-client';
import { expectProblem } from '../../support/expect-problem';
import { makePatient } from '../../support/patient';
import { TestProduct } from '../../support/product';

jest.setTimeout(180_000);

describe('a captcha', () => {
  let product: TestProduct;
  let captcha: CaptchaClient;
  let saleId: string;

  beforeAll(async () => {
    product = await TestProduct.start();
    makePatient(product);
    captcha = new CaptchaClient(product);
    saleId = await product.client.openSale();
  });

  afterAll(() => product.stop());

  /** The id of a token that holds for this user and sale, else undefined. */
  const idOf = (token: string, userId: string) =>
    product.get(CaptchaTokens).check(token, { userId, saleId });

  const challengesOf = (userId: string) => product.get(AdmissionRedis).key('captcha', userId);

  it('of work is solved by the device and gives a token of its user and sale', async () => {
    const posed = await captcha.pose(saleId, 'anna');
    expect(posed.status).toBe(201);
    expect(posed.body.kind).toBe('pow');
    const secondsLeft = (Date.parse(posed.body.expiresAt) - Date.now()) / 1_000;
    expect(secondsLeft).toBeGreaterThan(240);
    const { status, body } = await captcha.answer(
      posed.body.id, 'anna', await solve(posed.body.challenge));
    expect(status).toBe(200);
    expect(Date.parse(body.expiresAt)).toBeGreaterThan(Date.now() + 240_000);
    expect(idOf(body.captchaToken, 'anna')).toMatch(/^[\w-]{12}$/);
    expect(idOf(body.captchaToken, 'bert')).toBeUndefined();
  });

  it.each([pictureText, pictureText.toLowerCase(), ` ${[...pictureText].join(' ')}\n`])(
    'as a picture takes its text as a person may type it: %j', async (text) => {
      const { status, body } = await captcha.answer(
        await captcha.posePicture(saleId, 'anna'), 'anna', text);
      expect(status).toBe(200);
      expect(idOf(body.captchaToken, 'anna')).toBeDefined();
    });

  it('is no picture while the process cannot keep up, and work of the device still', async () => {
    const overload = product.get(Overload);
    while (overload.level < 2) overload.observe({ delayMs: 500, utilization: 1 });
    const pose = (kind: string) => product.client.call('POST', '/v1/captcha/challenges',
      { as: 'anna', body: { saleId, kind } });
    const refused = await pose('image');
    expectProblem(refused, 'TEMPORARILY_UNAVAILABLE');
    expect(refused.headers['retry-after']).toBe('3');
    expect((await pose('pow')).status).toBe(201);
    while (overload.level > 0) overload.observe({ delayMs: 0, utilization: 0 });
    expect((await pose('image')).status).toBe(201);
  });

  it('as a picture shows a PNG, never the same, and names what needs no eyes', async () => {
    const images = new Set<string>();
    for (let i = 0; i < 3; i += 1) {
      const { status, body } = await product.client.call<PosedImage>('POST',
        '/v1/captcha/challenges', { as: 'anna', body: { saleId, kind: 'image' } });
      expect([status, body.kind, body.alternative.kind]).toEqual([201, 'image', 'pow']);
      expect(body.alternative.hint).toMatch(/cannot read/);
      expect(Object.keys(body).sort())
        .toEqual(['alternative', 'expiresAt', 'id', 'image', 'kind']);
      expect(body.image).toMatch(/^data:image\/png;base64,iVBORw0KGgo/);
      images.add(body.image);
    }
    expect(images.size).toBe(3);
  });

  it('keeps nothing in Redis from which the text of a picture could be read', async () => {
    await captcha.posePicture(saleId, 'reader');
    const kept = await product.get(AdmissionRedis).connection.hgetall(challengesOf('reader'));
    expect(Object.values(kept)).toHaveLength(1);
    expect(JSON.stringify(kept).toUpperCase()).not.toContain(pictureText);
  });

  it('is tried once: after a wrong answer the right one comes too late', async () => {
    const picture = await captcha.posePicture(saleId, 'anna');
    expectProblem(await captcha.answer(picture, 'anna', 'ACDEH'), 'CAPTCHA_FAILED');
    expectProblem(await captcha.answer(picture, 'anna', pictureText), 'CAPTCHA_FAILED');
    const { body: { id, challenge } } = await captcha.pose(saleId, 'anna');
    expectProblem(await captcha.answer(id, 'anna', 'e30='), 'CAPTCHA_FAILED');
    expectProblem(await captcha.answer(id, 'anna', await solve(challenge)), 'CAPTCHA_FAILED');
  });

  it('gives exactly one token for 200 right answers at once', async () => {
    const { body: { id, challenge } } = await captcha.pose(saleId, 'flood');
    const picture = await captcha.posePicture(saleId, 'flood');
    const work = await solve(challenge);
    const both = [[id, work], [picture, pictureText]] as const;
    for (const [challengeId, answer] of both) {
      const answers = await Promise.all(Array.from({ length: 200 }, () =>
        captcha.answer(challengeId, 'flood', answer)));
      const solved = answers.filter(({ status }) => status === 200);
      expect(solved).toHaveLength(1);
      for (const failed of answers.filter(({ status }) => status !== 200)) {
        expectProblem(failed, 'CAPTCHA_FAILED');
      }
    }
  });

  it('of another user can neither be solved nor used up', async () => {
    const { body: { id, challenge } } = await captcha.pose(saleId, 'owner');
    const work = await solve(challenge);
    const picture = await captcha.posePicture(saleId, 'owner');
    expectProblem(await captcha.answer(id, 'thief', work), 'CAPTCHA_FAILED');
    expectProblem(await captcha.answer(picture, 'thief', pictureText), 'CAPTCHA_FAILED');
    expect((await captcha.answer(id, 'owner', work)).status).toBe(200);
    expect((await captcha.answer(picture, 'owner', pictureText)).status).toBe(200);
  });

  it('that was answered too late fails, though Redis still holds it', async () => {
    const connection = product.get(AdmissionRedis).connection;
    const { body: { id, challenge } } = await captcha.pose(saleId, 'late');
    const picture = await captcha.posePicture(saleId, 'late');
    const kept = await connection.hgetall(challengesOf('late'));
    for (const [field, riddle] of Object.entries(kept)) {
      await connection.hset(challengesOf('late'), field, riddle.replace(/^\d+/, '1763000000000'));
    }
    expectProblem(await captcha.answer(id, 'late', await solve(challenge)), 'CAPTCHA_FAILED');
    expectProblem(await captcha.answer(picture, 'late', pictureText), 'CAPTCHA_FAILED');
  });

  it('fails with one and the same words, whatever was the matter', async () => {
    const used = await captcha.posePicture(saleId, 'anna');
    await captcha.answer(used, 'anna', pictureText);
    const failures = await Promise.all([
      captcha.answer(await captcha.posePicture(saleId, 'anna'), 'anna', 'ACDEH'),
      captcha.answer(used, 'anna', pictureText),
      captcha.answer(await captcha.posePicture(saleId, 'bert'), 'anna', pictureText),
      captcha.answer('captcha_00000000000000000000', 'anna', pictureText),
    ]);
    const words = failures.map(({ status, body }) => ({ status, ...body, traceId: '' }));
    expect(words).toEqual(failures.map(() => words[0]));
    expectProblem(failures[0] ?? failures[1], 'CAPTCHA_FAILED');
  });

  it('takes the place of an older one when a user asks and asks', async () => {
    const connection = product.get(AdmissionRedis).connection;
    const first = await captcha.posePicture(saleId, 'hoarder', 50_000);
    for (let i = 0; i < 20; i += 1) await captcha.pose(saleId, 'hoarder');
    const last = await captcha.posePicture(saleId, 'hoarder');
    expect(await connection.hlen(challengesOf('hoarder'))).toBe(5);
    const timeToLiveMs = await connection.pttl(challengesOf('hoarder'));
    expect(timeToLiveMs).toBeGreaterThan(200_000);
    expect(timeToLiveMs).toBeLessThanOrEqual(300_000);
    expectProblem(await captcha.answer(first, 'hoarder', pictureText), 'CAPTCHA_FAILED');
    expect((await captcha.answer(last, 'hoarder', pictureText)).status).toBe(200);
  });
});

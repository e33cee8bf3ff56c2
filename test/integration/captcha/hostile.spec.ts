import { CaptchaTokens } from '../../../src/captcha';
import { InstallationSecrets } from '../../../src/infra/database';
import { AdmissionRedis, ServerClock } from '../../../src/infra/redis';
import { issueBoundToken } from '../../../src/kernel';
import { CaptchaClient, decode, encode, pictureText, solve } from '../../support/captcha-client';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { until } from '../../support/until';

jest.setTimeout(180_000);

describe('captchas under attack', () => {
  let product: TestProduct;
  let captcha: CaptchaClient;
  let saleId: string;

  beforeAll(async () => {
    product = await TestProduct.start();
    captcha = new CaptchaClient(product);
    saleId = await product.client.openSale();
  });

  afterAll(() => product.stop());

  const nested = (depth: number) => `${'{"challenge":'.repeat(depth)}1${'}'.repeat(depth)}`;

  it.each([
    ['no base64', '%%%%'], ['no JSON', Buffer.from('{"challenge"').toString('base64')],
    ['nothing', encode(null)], ['a number', encode(7)], ['an empty object', encode({})],
    ['half an answer', encode({ challenge: {} })], ['spaces', '    '],
    ['its parts as texts', encode({ challenge: 'x', solution: 'y' })],
    ['a deep object', Buffer.from(nested(500)).toString('base64')],
    ['a deep list', Buffer.from('['.repeat(5_000) + ']'.repeat(5_000)).toString('base64')],
    ['a huge text', 'A'.repeat(16_000)],
    ['a prototype', Buffer.from('{"__proto__":{"verified":true}}').toString('base64')],
    ['bytes that are no text', Buffer.alloc(300, 0xff).toString('base64')],
  ])('answers with a refusal, not with a fault, when work is answered by %s', async (_, answer) => {
    const { body: { id } } = await captcha.pose(saleId, 'anna');
    expectProblem(await captcha.answer(id, 'anna', answer), 'CAPTCHA_FAILED');
  });

  it.each<[string, (posed: ReturnType<typeof decode>) => unknown]>([
    ['less work', ({ challenge, ...rest }) =>
      ({ ...rest, challenge: { ...challenge, parameters: { ...challenge.parameters, cost: 1 } } })],
    ['another salt', ({ challenge, ...rest }) => ({ ...rest, challenge:
      { ...challenge, parameters: { ...challenge.parameters, salt: '00'.repeat(16) } } })],
    ['a later end', ({ challenge, ...rest }) => ({ ...rest, challenge:
      { ...challenge, parameters: { ...challenge.parameters, expiresAt: 4_000_000_000 } } })],
    ['a further parameter', ({ challenge, ...rest }) => ({ ...rest, challenge:
      { ...challenge, parameters: { ...challenge.parameters, data: { sale: 'any' } } } })],
    ['no signature', ({ challenge: { parameters }, ...rest }) =>
      ({ ...rest, challenge: { parameters } })],
    ['another signature', ({ challenge, ...rest }) =>
      ({ ...rest, challenge: { ...challenge, signature: 'ab'.repeat(32) } })],
    ['another key', ({ solution, ...rest }) =>
      ({ ...rest, solution: { ...solution, derivedKey: 'ab'.repeat(32) } })],
    ['a key in the wrong shape', ({ solution, ...rest }) =>
      ({ ...rest, solution: { ...solution, derivedKey: 'xyz' } })],
    ['a number that cannot be', ({ solution, ...rest }) =>
      ({ ...rest, solution: { ...solution, counter: -1 } })],
  ])('refuses solved work that was forged: %s', async (_, forge) => {
    const { body: { id, challenge } } = await captcha.pose(saleId, 'anna');
    const answer = encode(forge(decode(await solve(challenge))));
    expectProblem(await captcha.answer(id, 'anna', answer), 'CAPTCHA_FAILED');
  });

  it('refuses the solution of one challenge for another of the same user', async () => {
    const [easy, other] = [await captcha.pose(saleId, 'anna'), await captcha.pose(saleId, 'anna')];
    const work = await solve(easy.body.challenge);
    expectProblem(await captcha.answer(other.body.id, 'anna', work), 'CAPTCHA_FAILED');
    expect((await captcha.answer(easy.body.id, 'anna', work)).status).toBe(200);
  });

  it('takes as a captcha token only its own, for that user and sale, and in time', async () => {
    const tokens = product.get(CaptchaTokens);
    const binding = { userId: 'anna', saleId };
    const nowMs = product.get(ServerClock).now();
    const secret = (name: string) => product.get(InstallationSecrets).key(name);
    const { body: { captchaToken } } = await captcha.answer(
      await captcha.posePicture(saleId, 'anna'), 'anna', pictureText);
    expect(tokens.check(captchaToken, binding)).toBeDefined();
    const last = captchaToken.endsWith('A') ? 'B' : 'A';
    const refused = [
      tokens.check(captchaToken, { ...binding, saleId: 'sale_of-another' }),
      tokens.check(captchaToken, { ...binding, userId: 'bert' }),
      tokens.check(`${captchaToken.slice(0, 41)}${last}`, binding),
      tokens.check(issueBoundToken(await secret('captcha-token'), binding, nowMs - 1), binding),
      tokens.check(issueBoundToken(await secret('sale-token'), binding, nowMs + 60_000), binding),
      tokens.check('', binding),
    ];
    expect(refused).toEqual(refused.map(() => undefined));
  });

  it.each([
    ['a body of prototypes', '{"__proto__":{"kind":"image"},"saleId":"s"}', 400],
    ['an unknown field', '{"saleId":"s","difficulty":0}', 400],
    ['an unknown kind', '{"saleId":"s","kind":"audio"}', 400],
    ['no sale', '{}', 400],
    ['a sale that is none', '{"saleId":"sale_unknown"}', 404],
  ])('refuses a request for a challenge with %s', async (_, raw, status) => {
    const answer = await product.client.call('POST', '/v1/captcha/challenges', { as: 'anna', raw });
    expectProblem(answer, status === 400 ? 'VALIDATION_FAILED' : 'NOT_FOUND');
  });

  it.each([
    ['prototypes', '{"__proto__":{"answer":"x"}}', 'VALIDATION_FAILED'],
    ['a list', '{"answer":["K3XHP"]}', 'VALIDATION_FAILED'],
    ['nothing', '{"answer":""}', 'VALIDATION_FAILED'],
    ['more than a body may hold', JSON.stringify({ answer: 'A'.repeat(20_000) }), 'BODY_TOO_LARGE'],
  ] as const)('leaves the challenge open when an answer of %s is no answer at all',
    async (_, raw, code) => {
      const id = await captcha.posePicture(saleId, 'anna');
      const refused = await product.client.call('POST', `/v1/captcha/challenges/${id}/answer`,
        { as: 'anna', raw });
      expectProblem(refused, code);
      expect((await captcha.answer(id, 'anna', pictureText)).status).toBe(200);
    });

  it('poses nothing for a sale that is still a draft, or to somebody without a token', async () => {
    const { client } = product;
    expectProblem(await captcha.pose(await client.draftSale(), 'anna'), 'NOT_FOUND');
    expectProblem(await client.call('POST', '/v1/captcha/challenges', { body: { saleId } }),
      'UNAUTHENTICATED');
  });

  it('lets nobody through while Redis is away, and goes on when it is back', async () => {
    const { connection } = product.get(AdmissionRedis);
    const id = await captcha.posePicture(saleId, 'anna');
    connection.disconnect();
    await until('the connection is closed', async () => connection.status === 'end');
    expectProblem(await captcha.pose(saleId, 'anna'), 'TEMPORARILY_UNAVAILABLE');
    expectProblem(await captcha.answer(id, 'anna', pictureText), 'TEMPORARILY_UNAVAILABLE');
    await connection.connect();
    expect((await captcha.answer(id, 'anna', pictureText)).status).toBe(200);
  });
});

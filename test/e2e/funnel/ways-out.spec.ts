import { Redis } from 'ioredis';
import { LuaCommands } from '../../../src/infra/redis';
import type { ProblemCode } from '../../../src/kernel';
import type { Answer } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { until } from '../../support/until';
import { FunnelSite, type Try } from './support/funnel-site';
import { tally, times } from './support/tally';

const requests = 200;

type SaleName = keyof FunnelSite['sales'];
type Request = (site: FunnelSite, saleId: string) => Try | Promise<Try>;

/** The scripts that are run before the answer: of the throttle, the risk layer and the stock. */
const layerScripts = ['admit', 'observe', 'reserve'];
const memory = 0, throttle = 1, risk = 2, stock = 3;
const malformed = { raw: '{"quantity":', key: undefined };

/**
 * Every way out that a layer refuses with, in the order of the layers. Each request has the fault
 * that is named and as many as possible of those that follow, so that a layer out of order shows.
 */
const refusals: [what: string, code: ProblemCode, says: RegExp, scripts: number, sale: SaleName,
  request: Request][] = [
  ['before the opening', 'SALE_NOT_OPEN', /opens at/, memory, 'future',
    () => ({ ...malformed, as: null })],
  ['without a name', 'UNAUTHENTICATED', /./, memory, 'rush',
    () => ({ ...malformed, as: null })],
  ['of a banned buyer', 'BLACKLISTED', /cannot buy/, memory, 'rush',
    ({ buyers }) => ({ ...malformed, as: buyers.banned })],
  ['of one whom the lot has fallen on', 'RATE_LIMITED', /drawn/, memory, 'rush',
    ({ buyers }) => ({ ...malformed, as: buyers.shed })],
  ['of one who has asked too often, as memory knows', 'RATE_LIMITED', /too often/, memory,
    'soldOut', ({ buyers }) => ({ ...malformed, as: buyers.blocked })],
  ['without a key', 'IDEMPOTENCY_KEY_MISSING', /./, memory, 'soldOut',
    ({ buyers }) => ({ as: buyers.careless, at: 'far', key: undefined })],
  ['with half a body', 'VALIDATION_FAILED', /./, memory, 'soldOut',
    ({ buyers }) => ({ ...malformed, as: buyers.careless, at: 'far', key: 'key' })],
  ['with an unknown field', 'VALIDATION_FAILED', /./, memory, 'soldOut',
    ({ buyers }) => ({ as: buyers.careless, at: 'far', raw: '{"quantity":1,"price":1}' })],
  ['with too long a body', 'BODY_TOO_LARGE', /./, memory, 'soldOut',
    ({ buyers }) => ({ as: buyers.careless, at: 'far', raw: ' '.repeat(20_000) })],
  ['with a body of another kind', 'UNSUPPORTED_MEDIA_TYPE', /./, memory, 'soldOut',
    ({ buyers }) => ({ as: buyers.careless, at: 'far', headers: { 'content-type': 'text/csv' } })],
  ['of one who has asked too often elsewhere', 'RATE_LIMITED', /too often/, throttle,
    'soldOut', ({ buyers }) => ({ as: buyers.blocked, at: 'far' })],
  ['without a sale token', 'SALE_TOKEN_INVALID', /sale token/, throttle, 'soldOut',
    ({ buyers }) => ({ as: buyers.risky })],
  ['of a risky buyer', 'RISK_REJECTED', /automated/, risk, 'soldOut', async (site, saleId) =>
    ({ as: site.buyers.risky, headers: await site.proofs(saleId, 'risky', 'sale token') })],
  ['of one with an unpaid order', 'LIMIT_EXCEEDED', /not paid/, risk, 'soldOut',
    async (site, saleId) => ({ as: site.buyers.holder,
      headers: await site.proofs(saleId, site.buyers.holder, 'sale token') })],
  ['without a captcha', 'CAPTCHA_REQUIRED', /captcha/, risk, 'soldOut', async (site, saleId) =>
    ({ as: 'reader', headers: await site.proofs(saleId, 'reader', 'sale token') })],
  ['in a pause', 'SALE_PAUSED', /paused/, stock, 'paused', async (site, saleId) =>
    ({ as: 'ann', headers: await site.proofs(saleId, 'ann') })],
  ['after the end', 'SALE_CLOSED', /over/, stock, 'closed', async (site, saleId) =>
    ({ as: 'bob', headers: await site.proofs(saleId, 'bob') })],
  ['when nothing is left', 'SOLD_OUT', /left/, stock, 'soldOut', async (site, saleId) =>
    ({ as: 'cyd', raw: '{"quantity":2}', headers: await site.proofs(saleId, 'cyd') })],
  ['beyond the limit', 'LIMIT_EXCEEDED', /One person/, stock, 'plain',
    () => ({ raw: '{"quantity":2}' })],
  ['with the key of another purchase', 'IDEMPOTENCY_KEY_REUSED', /another body/, stock, 'plain',
    async (site, saleId) => {
      await site.buy(saleId, { as: 'dan', key: 'used' });
      return { as: 'dan', key: 'used', raw: '{"quantity":2}' };
    }],
];

describe('a request to buy', () => {
  let site: FunnelSite;

  beforeAll(async () => { site = await FunnelSite.start(); }, 120_000);
  afterAll(() => site.stop());

  /** The scripts of the layers that ran while `act` did, and how many commands were sent at all. */
  async function costOf(act: () => Promise<unknown>) {
    const run = jest.spyOn(LuaCommands.prototype, 'run');
    const sent = jest.spyOn(Redis.prototype, 'sendCommand');
    try {
      await act();
      const names = run.mock.calls.map(([name]) => name);
      return {
        scripts: names.filter((name) => layerScripts.includes(name)),
        // The heartbeats beat however long it takes.
        commands: (sent.mock.contexts as Redis[]).filter(({ options }, call) =>
          ['fairdrop-admission', 'fairdrop-fenced'].includes(options.connectionName ?? '')
            && sent.mock.calls[call]?.[0].name !== 'ping').length,
      };
    } finally {
      run.mockRestore();
      sent.mockRestore();
    }
  }

  /** Sends it, and fails unless the process counted it once, as this outcome and no other. */
  async function expectCounted(request: Try, saleId: string, outcome: string) {
    const place = request.at ?? 'near';
    const before = await site.outcomes(place);
    const answer = await site.buy(saleId, request);
    const expected = { ...before, [outcome]: (before[outcome] ?? 0) + 1 };
    await until('it is counted', async () =>
      (await site.outcomes(place))[outcome] === expected[outcome], 30_000);
    expect(await site.outcomes(place)).toEqual(expected);
    return answer;
  }

  it.each(refusals)('%s is %s, at once, and counted once',
    async (_, code, says, scripts, sale, requestOf) => {
      const saleId = site.sales[sale];
      const request = await requestOf(site, saleId);
      const before = await site.refusals(saleId);
      let answer: Answer<unknown> | undefined;
      const { scripts: ran } = await costOf(async () => {
        answer = await expectCounted(request, saleId, code.toLowerCase());
      });
      if (!answer) throw new Error('It was not answered');
      expectProblem(answer, code);
      expect(answer.body.detail).toMatch(says);
      expect(await site.refusals(saleId)).toEqual({ ...before, [code]: (before[code] ?? 0) + 1 });
      expect(ran).toEqual(layerScripts.slice(0, scripts));
    });

  it('of a sale that somebody made up is counted, but not for that sale', async () => {
    const answer = await expectCounted({}, 'made-up', 'not_found');
    expectProblem(answer, 'NOT_FOUND');
    expectProblem(await expectCounted({}, 'no!id', 'validation_failed'), 'VALIDATION_FAILED');
  });

  it('of a sale that somebody made up passes no layer that needs no sale', async () => {
    const { banned, blocked } = site.buyers;
    const { scripts } = await costOf(async () => {
      expectProblem(await site.buy('made-up', { as: banned }), 'BLACKLISTED');
      expectProblem(await site.buy('made-up', { as: blocked }), 'RATE_LIMITED');
    });
    expect(scripts).toEqual([]);
    const answers = await times(requests, () => site.buy('made-up', { as: 'inventor' }));
    expect(tally(answers)).toEqual({ NOT_FOUND: 2, RATE_LIMITED: requests - 2 });
  });

  it('that succeeds is counted by how, and refused nowhere', async () => {
    const { plain } = site.sales;
    const before = await site.refusals(plain);
    const wait = { prefer: 'wait=10' };
    const created = await expectCounted({ as: 'eve', key: 'e', headers: wait }, plain, 'created');
    const known = await expectCounted({ as: 'eve', key: 'e' }, plain, 'known');
    expect([created.status, known.status, known.body.id]).toEqual([201, 200, created.body.id]);
    expect((await expectCounted({}, plain, 'accepted')).status).toBe(202);
    expect(await site.refusals(plain)).toEqual(before);
  });

  it.each(refusals.filter(([, , , scripts]) => scripts === memory))(
    '%s is %s 200 times at once, without a word to Redis, and counted as often',
    async (_, code, _says, _scripts, sale, requestOf) => {
      const saleId = site.sales[sale];
      const request = await requestOf(site, saleId);
      const [outcome, place] = [code.toLowerCase(), request.at ?? 'near'];
      const before = [(await site.outcomes(place))[outcome] ?? 0,
        (await site.refusals(saleId))[code] ?? 0];
      const { scripts, commands } = await costOf(async () => {
        expect(tally(await times(requests, () => site.buy(saleId, request))))
          .toEqual({ [code]: requests });
      });
      expect(scripts).toEqual([]);
      // What is written into timelines goes together, for all of them, once a second.
      expect(commands).toBeLessThan(requests / 2);
      await until('all of them are counted', async () =>
        (await site.outcomes(place))[outcome] === (before[0] ?? 0) + requests);
      expect((await site.refusals(saleId))[code]).toBe((before[1] ?? 0) + requests);
    });
});

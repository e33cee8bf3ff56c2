import type { Identity } from '../../../src/auth';
import { Database } from '../../../src/infra/database';
import { RedisConnections } from '../../../src/infra/redis';
import { newId } from '../../../src/kernel';
import { RiskAssessor } from '../../../src/risk';
import { ActiveRules } from '../../../src/risk/rules/active-rules';
import { defaultRules } from '../../../src/risk/rules/default-rules';
import type { DryRunResult } from '../../../src/risk/rules/dry-run';
import { RecentAttempts } from '../../../src/risk/rules/recent-attempts';
import type { RuleSet } from '../../../src/risk/rules/rule-set';
import { RuleSetStore } from '../../../src/risk/rules/rule-set-store';
import { RiskRedis } from '../../../src/risk/signals';
import { admin } from '../../support/client';
import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { until } from '../../support/until';
import { attempt } from './risk-parts';

const path = '/admin/v1/risk/rules';
const reviewer: Identity = { userId: 'reviewer', roles: ['risk'] };
const origin = { actor: 'operator', ip: '', traceId: 'trace' };

/** The shipped rules and one more, which every attempt matches. */
function stricter(score: number, mode: 'on' | 'shadow' | 'off' = 'on'): RuleSet {
  return { ...defaultRules, rules: [...defaultRules.rules, { id: 'everybody', description: 'Stop',
    when: { all: [{ signal: 'quantity', op: '>=', value: 1 }] }, score, mode }] };
}

interface RulesAnswer extends RuleSet { version: number; createdBy: string; note?: string }

jest.setTimeout(180_000);

describe('the rules in force', () => {
  let installation: Installation;
  let product: TestProduct;
  let other: TestProduct;

  beforeAll(async () => {
    installation = await createInstallation();
    product = await TestProduct.start({ RISK: 'on' }, installation);
    other = await TestProduct.start({ RISK: 'on' }, installation);
  });
  beforeEach(async () => {
    await product.get(Database).execute('DELETE FROM risk_rule_sets');
    await Promise.all([product, other].map(async (process) => {
      await process.get(ActiveRules).announce();
      await process.get(RecentAttempts).flush();
    }));
    const { ask, sample } = product.get(RiskRedis);
    await ask((connection) => connection.del(sample()));
  });
  afterAll(async () => {
    await product.stop();
    await other.stop();
    await installation.drop();
  });

  const read = () => product.client.call<RulesAnswer>('GET', path, { as: admin });
  const put = (body: object, as: Identity = admin) =>
    product.client.call<RulesAnswer>('PUT', path, { as, body });
  const actionOn = async (process: TestProduct) =>
    (await process.get(RiskAssessor).assess(attempt())).action;

  it('are those that the product ships until somebody puts others', async () => {
    expect((await read()).body).toMatchObject(
      { version: 0, createdBy: 'fairdrop', rules: defaultRules.rules });
  });

  it('change on every process within a second while both are buying', async () => {
    // The other one does not look by itself: the message alone can tell it.
    const rules = other.get(ActiveRules);
    rules.onModuleDestroy();
    const connections = product.get(RedisConnections);
    await until('both hear messages', async () => {
      const [, listeners] = await connections.general
        .pubsub('NUMSUB', connections.channel('risk-rules')) as [string, number];
      return listeners >= 2;
    });
    expect(await Promise.all([product, other].map(actionOn))).toEqual(['pass', 'pass']);
    const answer = await put({ ...stricter(1), note: 'Attack', basedOnVersion: 0 }, reviewer);
    expect(answer).toMatchObject({ status: 200,
      body: { version: 1, createdBy: 'reviewer', note: 'Attack' } });
    expect(await actionOn(product)).toBe('refuse');
    await until('the other process refuses', async () => await actionOn(other) === 'refuse');
    const timers = jest.spyOn(globalThis, 'setInterval');
    await rules.onModuleInit();
    const periods = timers.mock.calls.map(([, milliseconds]) => Number(milliseconds));
    timers.mockRestore();
    // How often it looks, where no message comes.
    expect(Math.min(...periods)).toBeLessThan(1_000);
  });

  it('change on every process by themselves when the message is lost', async () => {
    await product.get(RuleSetStore).add({ set: stricter(1) }, origin);
    await until('both processes refuse', async () => {
      const actions = await Promise.all([product, other].map(actionOn));
      return actions.every((action) => action === 'refuse');
    });
  });

  it('go on to stand when a set is stored that this release does not understand', async () => {
    const unknown = { ...defaultRules, rules: [{ signal: 'of another release' }] };
    await product.get(RuleSetStore).add({ set: unknown as unknown as RuleSet }, origin);
    await product.get(ActiveRules).announce();
    expect(product.get(ActiveRules).version.version).toBe(0);
    expect(await actionOn(product)).toBe('pass');
    await product.get(RuleSetStore).add({ set: stricter(1) }, origin);
    await product.get(ActiveRules).announce();
    expect(product.get(ActiveRules).version.version).toBe(2);
  });

  it('are those before that set, for a process that starts with it', async () => {
    const unknown = { ...defaultRules, rules: [{ signal: 'of another release' }] };
    await product.get(RuleSetStore).add({ set: stricter(1) }, origin);
    for (let count = 0; count < 2; count += 1) {
      await product.get(RuleSetStore).add({ set: unknown as unknown as RuleSet }, origin);
    }
    const started = await TestProduct.start({ RISK: 'on', ROLES: 'api' }, installation);
    try {
      expect(started.get(ActiveRules).version.version).toBe(1);
      await product.get(Database).execute('DELETE FROM risk_rule_sets WHERE version = 1');
      await started.get(ActiveRules).onModuleInit();
      expect(started.get(ActiveRules).version.version).toBe(0);
    } finally {
      await started.stop();
    }
  });

  it('are not replaced by an edit of a version that is out of force', async () => {
    await put({ ...stricter(0.5), basedOnVersion: 0 });
    expect(await put({ ...stricter(1), basedOnVersion: 0 }))
      .toMatchObject({ status: 409, body: { code: 'RULES_CONFLICT' } });
    expect((await read()).body.version).toBe(1);
  });

  it('have one winner among twenty edits of the same version', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) =>
      put({ ...stricter(0.5), note: `Edit ${i}`, basedOnVersion: 0 })));
    expect(answers.map(({ status }) => status).sort())
      .toEqual([200, ...Array<number>(19).fill(409)]);
    expect((await read()).body.version).toBe(1);
  });

  it('keep every version, newest first, and who put it', async () => {
    await put(stricter(0.5));
    await put({ ...stricter(0.6), note: 'More' }, reviewer);
    const { body } = await product.client.call<{ items: RulesAnswer[]; nextCursor: string | null }>(
      'GET', `${path}/versions`, { as: reviewer });
    expect(body.items.map(({ version, createdBy, rules, note }) =>
      [version, createdBy, rules.at(-1)?.score, note])).toEqual([
      [2, 'reviewer', 0.6, 'More'], [1, 'operator', 0.5, undefined]]);
  });

  it('leave who changed them in the audit log', async () => {
    await put({ ...stricter(0.5), note: 'Attack' }, reviewer);
    const { body } = await product.client.call<{ items: object[] }>(
      'GET', '/admin/v1/audit?subjectId=version-1', { as: admin });
    expect(body.items[0]).toMatchObject({ actor: 'reviewer', action: 'risk-rules.replace',
      detail: { rules: defaultRules.rules.length + 1, note: 'Attack' } });
  });

  it('are refused with the place of the fault, and stay', async () => {
    const broken = stricter(0.5);
    const rules = [{ ...broken.rules[0], when: { all: [{ signal: 'mood', op: '>', value: 1 }] } }];
    expect(await put({ ...broken, rules })).toMatchObject({ status: 400, body: {
      code: 'VALIDATION_FAILED', errors: [{ path: 'rules.0.when.all.0.signal' }] } });
    expect((await read()).body.version).toBe(0);
  });

  it.each(['GET', 'PUT'] as const)('are not shown to a viewer or a buyer by %s', async (method) => {
    for (const as of ['alice', { userId: 'vera', roles: ['viewer'] } satisfies Identity]) {
      const { status } = await product.client.call(method, path, { as, body: method === 'PUT'
        ? defaultRules : undefined });
      expect(status).toBe(403);
    }
  });

  it('can be tried on the last hour before they are put in force', async () => {
    const users = Array.from({ length: 30 }, () => newId('user'));
    for (const userId of users.slice(0, 25)) {
      await product.get(RiskAssessor).assess(attempt({ userId }));
    }
    for (const userId of users.slice(25)) {
      await other.get(RiskAssessor).assess(attempt({ userId, quantity: 2 }));
    }
    await Promise.all([product, other].map((process) => process.get(RecentAttempts).flush()));
    const large: RuleSet = { ...defaultRules, rules: [
      { id: 'two', description: 'Two', mode: 'on', score: 0.8,
        when: { all: [{ signal: 'quantity', op: '=', value: 2 }] } },
      { id: 'any', description: 'All', mode: 'shadow', score: 1,
        when: { all: [{ signal: 'quantity', op: '>', value: 0 }] } },
      { id: 'unused', description: 'Off', mode: 'off', score: 1,
        when: { all: [{ signal: 'quantity', op: '>', value: 0 }] } },
    ] };
    const { status, body } = await until('all of them are in the sample', async () => {
      const answer = await product.client.call<DryRunResult>('POST', `${path}/dry-run`,
        { as: reviewer, body: large });
      return answer.body.requests >= 30 && answer;
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      requests: 30, sampled: 30, sampledShare: 1,
      actions: { before: { pass: 30, captcha: 0, refuse: 0 },
        after: { pass: 25, captcha: 0, refuse: 5 } },
      rules: [{ rule: 'two', matches: 5 }, { rule: 'any', matches: 30 }],
    });
    expect(body.changed.map(({ userId }) => userId).sort()).toEqual(users.slice(25).sort());
    expect(body.changed[0]).toMatchObject({ before: { action: 'pass', score: 0 },
      after: { action: 'refuse', score: 0.8 } });
    expect((await read()).body.version).toBe(0);
  });

  it('can be tried when nothing has been rated', async () => {
    const { body } = await product.client.call<DryRunResult>('POST', `${path}/dry-run`,
      { as: admin, body: defaultRules });
    expect(body).toMatchObject({ requests: 0, sampled: 0, sampledShare: 1, changed: [] });
  });
});

import { signalNames, type Signals } from '../signals';
import { CompiledRules } from './compiled-rules';
import { defaultRules } from './default-rules';
import type { Condition, Rule, RuleSet } from './rule-set';

const always: Rule['when'] = { all: [{ signal: 'quantity', op: '>', value: 0 }] };

function setOf(...rules: Partial<Rule>[]): RuleSet {
  return {
    refuseAbove: 0.7, captchaAbove: 0.4, captchaAfterAttemptsPerMinute: 10,
    rules: rules.map((rule, i) =>
      ({ id: `rule-${i}`, description: '-', when: always, score: 0.1, mode: 'on', ...rule })),
  };
}

const judge = (set: RuleSet, signals: Signals = { quantity: 1 }) =>
  new CompiledRules(set).judge(signals);
const ruleOf = (set: RuleSet, signals: Signals) =>
  judge(set, signals).findings.map(({ rule }) => rule);

describe('compiled rules', () => {
  it('add up in thousandths: 0.3 and 0.1 are 0.4, which is not above 0.4', () => {
    expect(judge(setOf({ score: 0.3 }, { score: 0.1 })))
      .toMatchObject({ score: 0.4, action: 'pass' });
    expect(judge(setOf(...Array.from({ length: 7 }, () => ({ score: 0.1 })))))
      .toMatchObject({ score: 0.7, action: 'captcha' });
  });

  it.each([
    [0.4, 'pass'], [0.401, 'captcha'], [0.7, 'captcha'], [0.701, 'refuse'], [1, 'refuse'],
  ])('with a score of %d say %s', (score, action) => {
    expect(judge(setOf({ score }))).toMatchObject({ score, action });
  });

  it.each([['on', 'captcha'], ['shadow', 'pass'], ['off', 'pass']] as const)(
    'ask for a captcha by a rule that says so whatever the score, where it is %s: %s',
    (mode, action) => {
      expect(judge(setOf({ score: 0, captcha: true, mode }))).toMatchObject({ score: 0, action });
    });

  it('find a rule in shadow mode but do not act on it', () => {
    expect(judge(setOf({ score: 1, mode: 'shadow' }))).toEqual({ score: 0, action: 'pass',
      findings: [{ rule: 'rule-0', score: 1, mode: 'shadow' }] });
  });

  it('do not look at a rule that is off', () => {
    expect(judge(setOf({ score: 1, mode: 'off' })))
      .toEqual({ score: 0, action: 'pass', findings: [] });
  });

  it('ask for a captcha after more attempts than allowed, whatever the score', () => {
    expect(judge(setOf(), { attemptsLastMinute: 10 }).action).toBe('pass');
    expect(judge(setOf(), { attemptsLastMinute: 11 }).action).toBe('captcha');
    expect(judge(setOf({ score: 1 }), { quantity: 1, attemptsLastMinute: 11 }).action)
      .toBe('refuse');
  });

  it.each<[Condition['op'], boolean[]]>([
    ['>', [false, false, true]], ['>=', [false, true, true]], ['<', [true, false, false]],
    ['<=', [true, true, false]], ['=', [false, true, false]],
  ])('compare by %s', (op, expected) => {
    const set = setOf({ when: { all: [{ signal: 'amount', op, value: 5 }] } });
    expect([4, 5, 6].map((amount) => judge(set, { amount }).findings.length === 1))
      .toEqual(expected);
  });

  it.each<Condition['op']>(['>', '>=', '<', '<=', '='])(
    'never match by %s what is not known', (op) => {
      const set = setOf({ when: { any: [{ signal: 'accountAgeSeconds', op, value: 0 }] } });
      expect(judge(set, {}).findings).toEqual([]);
    });

  it('need every condition of all and one of any', () => {
    const set = setOf({ when: {
      all: [{ signal: 'quantity', op: '>', value: 1 }, { signal: 'amount', op: '>', value: 1 }],
      any: [{ signal: 'usersOfIp', op: '>', value: 1 },
        { signal: 'devicesOfUser', op: '>', value: 1 }],
    } });
    const matches = (signals: Signals) => judge(set, signals).findings.length === 1;
    const all = { quantity: 2, amount: 2 };
    expect(matches({ ...all, usersOfIp: 2 })).toBe(true);
    expect(matches({ ...all, devicesOfUser: 2 })).toBe(true);
    expect(matches(all)).toBe(false);
    expect(matches({ quantity: 2, usersOfIp: 2 })).toBe(false);
  });
});

describe('the rules that the product ships', () => {
  const quiet: Signals = { ...Object.fromEntries(signalNames.map((name) => [name, 0])),
    accountAgeSeconds: 1e6, sinceOpeningMs: 1e6 };

  it.each([
    ['purchasesLastHour', 100, 101, 'many-purchases'],
    ['attemptsLastMinute', 10, 11, 'many-attempts'],
    ['accountAgeSeconds', 86_400, 86_399, 'new-account'],
    ['devicesOfUser', 5, 6, 'many-devices'],
    ['usersOfDevice', 3, 4, 'shared-device'],
    ['usersOfIp', 5, 6, 'shared-address'],
    ['expiredOrdersLastDay', 2, 3, 'never-pays'],
    ['cancelledOrdersLastDay', 4, 5, 'always-cancels'],
    ['earlyAttempts', 2, 3, 'early-attempts'],
    ['sinceOpeningMs', 1_000, 999, 'faster-than-a-hand'],
  ])('find nothing at %s %d, and at %d %s', (signal, good, bad, rule) => {
    expect(ruleOf(defaultRules, { ...quiet, [signal]: good })).toEqual([]);
    expect(ruleOf(defaultRules, { ...quiet, [signal]: bad })).toEqual([rule]);
  });

  it('find a large first purchase only where the limit allows a large one', () => {
    const first = { ...quiet, isFirstPurchase: 1, quantityShareOfLimit: 1 };
    expect(ruleOf(defaultRules, { ...first, quantity: 5 })).toEqual(['large-first-purchase']);
    expect(ruleOf(defaultRules, { ...first, quantity: 4 })).toEqual([]);
    expect(ruleOf(defaultRules, { ...first, quantity: 5, quantityShareOfLimit: 0.5 })).toEqual([]);
    expect(ruleOf(defaultRules, { ...first, quantity: 5, isFirstPurchase: 0 })).toEqual([]);
  });

  it('let a new account buy for the first time with a captcha, also on a crowded address', () => {
    const newcomer = { ...quiet, accountAgeSeconds: 60, isFirstPurchase: 1 };
    for (let usersOfIp = 0; usersOfIp <= 100; usersOfIp += 1) {
      expect(judge(defaultRules, { ...newcomer, usersOfIp }).action).toBe('captcha');
    }
  });

  it('refuse whoever makes up a device id for every few of many attempts', () => {
    const rotating = { ...quiet, devicesOfUser: 6, attemptsLastMinute: 11 };
    expect(judge(defaultRules, rotating)).toMatchObject({ score: 0.8, action: 'refuse' });
    expect(judge(defaultRules, { ...rotating, attemptsLastMinute: 10 }).action).toBe('pass');
  });

  it.each(['expiredOrdersLastDay', 'cancelledOrdersLastDay'])(
    'refuse whoever lives on holding units (%s), and not who did so a few times', (signal) => {
      expect(judge(defaultRules, { ...quiet, [signal]: 19 }).action).toBe('pass');
      expect(judge(defaultRules, { ...quiet, [signal]: 30 })).toMatchObject({ score: 0.8, action: 'refuse' });
    });

  it('ask nobody for a captcha only because many honest people share his address', () => {
    for (let usersOfIp = 0; usersOfIp <= 100; usersOfIp += 1) {
      const { score, action } = judge(defaultRules, { ...quiet, usersOfIp });
      expect(score).toBeLessThan(defaultRules.captchaAbove);
      expect(action).toBe('pass');
    }
  });

  it('refuse nobody for what others did on his device and behind his address', () => {
    for (const usersOfIp of [1, 8, 100]) {
      for (const usersOfDevice of [1, 4, 100]) {
        expect(judge(defaultRules, { ...quiet, usersOfIp, usersOfDevice }).action)
          .not.toBe('refuse');
      }
    }
  });

  it('refuse no newcomer in a crowded network who clicks a lot and takes the whole limit', () => {
    const newcomer = { ...quiet, accountAgeSeconds: 60, usersOfIp: 100 };
    const large = { isFirstPurchase: 1, quantity: 5, quantityShareOfLimit: 1 };
    expect(judge(defaultRules, { ...newcomer, ...large }).action).toBe('captcha');
    expect(judge(defaultRules, { ...newcomer, attemptsLastMinute: 30 }).action).toBe('captcha');
  });

  it('refuse a fresh account out of a ring on one device and one address', () => {
    const ring = { ...quiet, accountAgeSeconds: 60, usersOfDevice: 20, usersOfIp: 20 };
    expect(judge(defaultRules, ring)).toMatchObject({ score: 1, action: 'refuse' });
  });
});

import { validate } from '../../infra/http';
import { defaultRules } from './default-rules';
import { newRuleSet } from './rules.schemas';

const [rule] = defaultRules.rules;
const { when } = { ...rule };
const condition = { signal: 'quantity', op: '>', value: 1 };

/** The paths that a body with these changes is refused for. */
function faultsOf(changes: object): string[] {
  try {
    validate(newRuleSet, { ...defaultRules, ...changes });
    return [];
  } catch (error) {
    return (error as { members: { errors: { path: string }[] } }).members.errors
      .map(({ path }) => path);
  }
}
const faultsOfRule = (changes: object) => faultsOf({ rules: [{ ...rule, ...changes }] });

describe('a rule set', () => {
  it('may be the one that the product ships, with a note', () => {
    expect(faultsOf({ note: 'As it came', basedOnVersion: 0 })).toEqual([]);
  });

  it.each([
    ['a signal that does not exist', { when: { all: [{ ...condition, signal: 'mood' }] } },
      'rules.0.when.all.0.signal'],
    ['a signal of Object', { when: { all: [{ ...condition, signal: 'toString' }] } },
      'rules.0.when.all.0.signal'],
    ['an operator that does not exist', { when: { any: [{ ...condition, op: '!=' }] } },
      'rules.0.when.any.0.op'],
    ['a value that is no number', { when: { all: [{ ...condition, value: '1' }] } },
      'rules.0.when.all.0.value'],
    ['a value that is not finite', { when: { all: [{ ...condition, value: Infinity }] } },
      'rules.0.when.all.0.value'],
    ['no condition', { when: {} }, 'rules.0.when'],
    ['no condition in a list', { when: { all: [] } }, 'rules.0.when.all'],
    ['eleven conditions', { when: { all: Array.from({ length: 11 }, () => condition) } },
      'rules.0.when.all'],
    ['an unknown field', { when: { ...when, none: [] } }, 'rules.0.when.none'],
    ['a score above 1', { score: 1.001 }, 'rules.0.score'],
    ['a score below 0', { score: -0.1 }, 'rules.0.score'],
    ['a score finer than thousandths', { score: 0.0005 }, 'rules.0.score'],
    ['an id with a space', { id: 'two words' }, 'rules.0.id'],
    ['an id that is empty', { id: '' }, 'rules.0.id'],
    ['a mode that does not exist', { mode: 'maybe' }, 'rules.0.mode'],
  ])('is refused with %s, by its path', (_title, changes, path) => {
    expect(faultsOfRule(changes)).toEqual([path]);
  });

  it('is refused with two rules of one id', () => {
    expect(faultsOf({ rules: [rule, rule] })).toEqual(['rules.1.id']);
  });

  it('is refused with more than 50 rules', () => {
    const rules = Array.from({ length: 51 }, (_, i) => ({ ...rule, id: `rule-${i}` }));
    expect(faultsOf({ rules })).toEqual(['rules']);
  });

  it('is refused when a captcha would be asked of those who are refused', () => {
    expect(faultsOf({ captchaAbove: 0.8 })).toEqual(['captchaAbove']);
    expect(faultsOf({ captchaAbove: 0.7 })).toEqual([]);
  });

  it.each([0.3, 0.1, 0.7, 0.29, 0.001, 0.999])('may have a score of %d', (score) => {
    expect(faultsOfRule({ score })).toEqual([]);
  });
});

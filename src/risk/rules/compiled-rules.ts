import { assertUnreachable } from '../../kernel';
import type { Signals } from '../signals';
import type { Condition, Rule, RuleSet } from './rule-set';

/** What the rules advise: nothing, a captcha, or to refuse. */
export type RiskAction = 'pass' | 'captcha' | 'refuse';

/** A rule that matched. */
export interface RuleFinding {
  readonly rule: string;
  readonly score: number;
  readonly mode: 'on' | 'shadow';
}

/** What a rule set says about the signals of one attempt. */
export interface Verdict {
  /** The sum of the scores of the findings that act, in steps of 0.001. */
  readonly score: number;
  readonly findings: readonly RuleFinding[];
  readonly action: RiskAction;
}

type Test = (signals: Signals) => boolean;

/** A rule set as functions, made once and asked for every attempt. */
export class CompiledRules {
  private readonly rules: readonly { test: Test; finding: RuleFinding; thousandths: number;
    captcha: boolean }[];
  private readonly refuseAbove: number;
  private readonly captchaAbove: number;
  private readonly captchaAfterAttempts: number;

  constructor(set: RuleSet) {
    this.rules = set.rules.flatMap((rule) => rule.mode === 'off' ? [] : [{
      test: testOf(rule.when),
      finding: { rule: rule.id, score: rule.score, mode: rule.mode },
      thousandths: rule.mode === 'on' ? inThousandths(rule.score) : 0,
      captcha: rule.mode === 'on' && rule.captcha === true,
    }]);
    this.refuseAbove = inThousandths(set.refuseAbove);
    this.captchaAbove = inThousandths(set.captchaAbove);
    this.captchaAfterAttempts = set.captchaAfterAttemptsPerMinute;
  }

  judge(signals: Signals): Verdict {
    const findings: RuleFinding[] = [];
    let sum = 0;
    let asksCaptcha = (signals.attemptsLastMinute ?? 0) > this.captchaAfterAttempts;
    for (const { test, finding, thousandths, captcha } of this.rules) {
      if (!test(signals)) continue;
      findings.push(finding);
      sum += thousandths;
      asksCaptcha ||= captcha;
    }
    return { score: sum / 1_000, findings, action: this.actionOf(sum, asksCaptcha) };
  }

  private actionOf(sum: number, asksCaptcha: boolean): RiskAction {
    if (sum > this.refuseAbove) return 'refuse';
    return sum > this.captchaAbove || asksCaptcha ? 'captcha' : 'pass';
  }
}

function inThousandths(score: number): number {
  return Math.round(score * 1_000);
}

function testOf({ all = [], any = [] }: Rule['when']): Test {
  const every = all.map(conditionOf);
  const some = any.map(conditionOf);
  return (signals) => {
    for (const test of every) if (!test(signals)) return false;
    for (const test of some) if (test(signals)) return true;
    return some.length === 0;
  };
}

/** A signal that is not known matches nothing. */
function conditionOf({ signal, op, value }: Condition): Test {
  switch (op) {
    // undefined becomes NaN, which every comparison denies.
    case '>': return (signals) => (signals[signal] ?? NaN) > value;
    case '>=': return (signals) => (signals[signal] ?? NaN) >= value;
    case '<': return (signals) => (signals[signal] ?? NaN) < value;
    case '<=': return (signals) => (signals[signal] ?? NaN) <= value;
    case '=': return (signals) => signals[signal] === value;
    default: return assertUnreachable(op);
  }
}

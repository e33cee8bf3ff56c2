import { Injectable } from '@nestjs/common';
import { ActiveRules } from './active-rules';
import { CompiledRules, type RiskAction, type Verdict } from './compiled-rules';
import { RecentAttempts } from './recent-attempts';
import type { RuleSet } from './rule-set';

const examplesAtMost = 20;

type Rating = Pick<Verdict, 'action' | 'score'>;
type ActionCounts = Record<RiskAction, number>;

/** What would have been different under other rules. Counts are estimates for all attempts. */
export interface DryRunResult {
  /** Rated attempts of the last hour. */
  requests: number;
  /** How many of them were kept and looked at. */
  sampled: number;
  /** `sampled` as a share of `requests`; 1 when nothing was rated. */
  sampledShare: number;
  actions: { before: ActionCounts; after: ActionCounts };
  /** How often each rule of the new set matches; rules that are off are missing. */
  rules: { rule: string; matches: number }[];
  /** The first attempts that would have ended otherwise. */
  changed: { userId: string; saleId: string; before: Rating; after: Rating }[];
}

/** Tries a rule set on what has happened. */
@Injectable()
export class DryRun {
  constructor(
    private readonly active: ActiveRules,
    private readonly recent: RecentAttempts,
  ) {}

  /**
   * Compares the set with the one in force over the last hour's attempts. Both act, also in sales
   * that only watch: this is how it is found out what they would do. Rejects when Redis is away.
   */
  async run(set: RuleSet): Promise<DryRunResult> {
    const inForce = this.active.rules;
    const tried = new CompiledRules(set);
    const before: ActionCounts = { pass: 0, captcha: 0, refuse: 0 };
    const after: ActionCounts = { ...before };
    const looked = set.rules.filter(({ mode }) => mode !== 'off');
    const matches = new Map(looked.map(({ id }) => [id, 0]));
    const changed: DryRunResult['changed'] = [];
    let requests = 0;
    let sampled = 0;
    for await (const { userId, saleId, signals, weight } of this.recent.ofLastHour()) {
      const was = inForce.judge(signals);
      const would = tried.judge(signals);
      requests += weight;
      sampled += 1;
      before[was.action] += weight;
      after[would.action] += weight;
      for (const { rule } of would.findings) matches.set(rule, (matches.get(rule) ?? 0) + weight);
      if (was.action !== would.action && changed.length < examplesAtMost) {
        changed.push({ userId, saleId, before: ratingOf(was), after: ratingOf(would) });
      }
    }
    return {
      requests: Math.round(requests), sampled,
      sampledShare: requests === 0 ? 1 : sampled / requests,
      actions: { before: rounded(before), after: rounded(after) },
      rules: [...matches].map(([rule, count]) => ({ rule, matches: Math.round(count) })),
      changed,
    };
  }
}

function ratingOf({ action, score }: Verdict): Rating {
  return { action, score };
}

function rounded({ pass, captcha, refuse }: ActionCounts): ActionCounts {
  return { pass: Math.round(pass), captcha: Math.round(captcha), refuse: Math.round(refuse) };
}

import { Inject, Injectable } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../../config';
import { Metrics } from '../../infra/metrics';
import type { Sale } from '../../sale';
import { HoldBudget, RiskSignals, type Hold, type HoldSubject, type PurchaseSubject, type Signals }
  from '../signals';
import { ActiveRules } from './active-rules';
import type { RiskAction, RuleFinding } from './compiled-rules';
import { payWindowAfter } from './pay-window';
import { RecentAttempts } from './recent-attempts';

/** How risky an attempt to buy is, and what the buyer may still hold. */
export interface Assessment {
  /** Sum of the acting rules' scores, in steps of 0.001. */
  readonly score: number;
  readonly findings: readonly RuleFinding[];
  /** What the rules advise; always `pass` where the sale only watches. */
  readonly action: RiskAction;
  readonly attemptsLastMinute: number;
  /** The numbers behind it, as evidence; none where the risk layer is off. */
  readonly signals: Signals;
  /** Whether one more unpaid order fits; independent of the rules. */
  readonly hold: Hold;
  /** Whether the attempt relies on a place: then it ends in `recordPurchase` or `releaseHold`. */
  readonly isNewHold: boolean;
  /** The sale's time to pay, shorter for users who let orders expire. */
  readonly payWindowSeconds: number;
}

/** Rates every attempt to buy. */
@Injectable()
export class RiskAssessor {
  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly signals: RiskSignals,
    private readonly holds: HoldBudget,
    private readonly active: ActiveRules,
    private readonly recent: RecentAttempts,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Counts this attempt, claims its place among the unpaid orders, and rates it: one round trip,
   * none where risk and both caps are off. Rejects when Redis is away: nobody passes unrated. Where
   * the sale goes on without Redis, only what this process knows is rated, and nothing is claimed.
   */
  async assess(subject: PurchaseSubject): Promise<Assessment> {
    const { sale, identity: { userId } } = subject;
    const mode = this.modeOf(sale);
    if (subject.withoutRedis === true) return this.assessByMemory(subject, mode);
    if (mode === 'off' && !this.signals.capsHolds) return unrated(sale.payWindowSeconds);
    const { signals, hold, isNewHold } = await this.signals.observe(subject, mode !== 'off');
    const { expiredOrdersLastDay = 0, cancelledOrdersLastDay = 0 } = signals;
    // Everybody changes his mind once or twice; whoever goes on holds units that others would pay.
    const abandoned = expiredOrdersLastDay + Math.max(0, cancelledOrdersLastDay - 2);
    const payWindowSeconds = payWindowAfter(abandoned, sale.payWindowSeconds);
    if (mode === 'off') return { ...unrated(payWindowSeconds), hold, isNewHold };
    this.recent.add({ userId, saleId: sale.id, signals });
    return { ...this.rate(signals, mode), hold, isNewHold, payWindowSeconds };
  }

  /** A signal that is not known speaks against nobody. */
  private assessByMemory(subject: PurchaseSubject, mode: AppConfig['risk']): Assessment {
    const nothing = unrated(subject.sale.payWindowSeconds);
    if (mode === 'off') return nothing;
    return { ...nothing, ...this.rate(this.signals.known(subject), mode) };
  }

  private rate(signals: Signals, mode: AppConfig['risk']) {
    const { score, findings, action: advised } = this.active.rules.judge(signals);
    const action = mode === 'shadow' ? 'pass' : advised;
    for (const finding of findings) {
      this.metrics.riskFindingsTotal.inc({ rule: finding.rule, mode: finding.mode });
    }
    this.metrics.riskActionsTotal.inc({ action });
    return { score, findings, action, attemptsLastMinute: signals.attemptsLastMinute ?? 0, signals };
  }

  /** The attempt came to nothing: its place is free again. Never throws; nobody waits for it. */
  releaseHold(subject: HoldSubject): void {
    void this.holds.release(subject);
  }

  /** The attempt holds units: keeps its place and counts a purchase. Never throws. */
  recordPurchase(subject: PurchaseSubject): void {
    const counts = this.modeOf(subject.sale) !== 'off';
    if (counts || this.signals.capsHolds) void this.holds.keep(subject, counts);
  }

  private modeOf({ protection }: Sale): AppConfig['risk'] {
    return protection.risk ?? this.config.risk;
  }
}

function unrated(payWindowSeconds: number): Assessment {
  return { score: 0, findings: [], action: 'pass', attemptsLastMinute: 0, signals: {}, hold: 'free',
    isNewHold: false, payWindowSeconds };
}

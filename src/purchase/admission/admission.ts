import { Injectable } from '@nestjs/common';
import { Blacklist, RiskAssessor } from '../../risk';
import type { Sale } from '../../sale';
import { Throttle, type ThrottleSubject } from '../../throttle';
import type { Admitted, Attempt } from './attempt';
import { blacklisted } from './blacklisted';
import { CaptchaLayer } from './captcha.layer';
import { RecentHolds } from './recent-holds';
import { RiskLayer } from './risk.layer';
import { SaleStateLayer } from './sale-state.layer';
import { SaleTokenLayer } from './sale-token.layer';

/**
 * The layers of the funnel behind the front gate, the cheapest first. Each lets an attempt pass or
 * throws the ProblemError that tells the buyer why not and what he can do. A layer that cannot ask
 * its store throws, too: nobody passes unexamined.
 */
@Injectable()
export class Admission {
  constructor(
    private readonly blacklist: Blacklist,
    private readonly throttle: Throttle,
    private readonly saleState: SaleStateLayer,
    private readonly saleToken: SaleTokenLayer,
    private readonly risk: RiskLayer,
    private readonly captcha: CaptchaLayer,
    private readonly assessor: RiskAssessor,
    private readonly holds: RecentHolds,
  ) {}

  /**
   * Counts the request. Throws RATE_LIMITED, and what memory has learned since the front gate asked it:
   * SOLD_OUT, BLACKLISTED. A body may come seconds after its head, and a crowd waits in line.
   */
  async count(subject: ThrottleSubject & { sale: Sale | undefined }): Promise<void> {
    if (subject.sale) this.saleState.refuseSoldOut(subject.sale, subject.userId);
    const excluded = blacklisted(this.blacklist.find(subject)) ?? this.throttle.blocked(subject);
    if (excluded) throw excluded;
    await this.throttle.admit(subject);
  }

  /**
   * Throws SALE_TOKEN_INVALID, RISK_REJECTED, LIMIT_EXCEEDED or CAPTCHA_REQUIRED; and SOLD_OUT, which
   * memory may learn between any two questions to Redis.
   */
  async admit(attempt: Attempt): Promise<Admitted> {
    const admitted: Admitted = { isNewHold: false };
    try {
      this.saleState.refuseSoldOut(attempt.sale, attempt.userId);
      this.saleToken.admit(attempt, admitted);
      const risk = await this.risk.admit(attempt, admitted);
      this.saleState.refuseSoldOut(attempt.sale, attempt.userId);
      this.captcha.admit(attempt, risk, admitted);
      return admitted;
    } catch (error) {
      this.settle(attempt, admitted, 'refused');
      throw error;
    }
  }

  /** What came of an attempt that was let through, for what the layers remember. */
  settle(attempt: Attempt, admitted: Admitted, result: 'held' | 'refused'): void {
    if (result === 'held') {
      this.holds.add(attempt.rid);
      this.captcha.clear(attempt, admitted);
    }
    if (attempt.withoutRedis === true) return;
    if (result === 'held') this.assessor.recordPurchase(attempt);
    else if (admitted.isNewHold) this.assessor.releaseHold(attempt);
  }
}

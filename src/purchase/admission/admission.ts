import { Injectable } from '@nestjs/common';
import { Blacklist, RiskAssessor } from '../../risk';
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
   * Counts the request. Throws RATE_LIMITED, and BLACKLISTED: a body may come seconds after the head
   * that the front gate has seen, and a sale may have become known in between.
   */
  count(subject: ThrottleSubject): Promise<void> {
    const excluded = blacklisted(this.blacklist.find(subject));
    return excluded ? Promise.reject(excluded) : this.throttle.admit(subject);
  }

  /**
   * Throws SALE_TOKEN_INVALID, RISK_REJECTED, LIMIT_EXCEEDED or CAPTCHA_REQUIRED; and SOLD_OUT, asked
   * of memory before each question to Redis: most of a crowd that comes at once have passed the front
   * gate before the first unit is sold.
   */
  async admit(attempt: Attempt): Promise<Admitted> {
    const admitted: Admitted = { isNewHold: false };
    try {
      this.saleState.refuseSoldOut(attempt);
      this.saleToken.admit(attempt, admitted);
      const risk = await this.risk.admit(attempt, admitted);
      this.saleState.refuseSoldOut(attempt);
      this.captcha.admit(attempt, risk, admitted);
      return admitted;
    } catch (error) {
      this.settle(attempt, admitted, 'refused');
      throw error;
    }
  }

  /** What came of an attempt that was let through, for what the layers remember. */
  settle(attempt: Attempt, { isNewHold }: Admitted, result: 'held' | 'refused'): void {
    if (result === 'held') this.holds.add(attempt.rid);
    if (attempt.withoutRedis === true) return;
    if (result === 'held') this.assessor.recordPurchase(attempt);
    else if (isNewHold) this.assessor.releaseHold(attempt);
  }
}

import { Injectable } from '@nestjs/common';
import { ProblemError } from '../../kernel';
import { RiskAssessor, RiskFindings, RiskPardons, type Assessment } from '../../risk';
import type { Admitted, Attempt } from './attempt';

/** How risky the attempt is, and whether the buyer holds too many unpaid orders already. */
@Injectable()
export class RiskLayer {
  constructor(
    private readonly assessor: RiskAssessor,
    private readonly findings: RiskFindings,
    private readonly pardons: RiskPardons,
  ) {}

  /** Resolves to what the captcha layer goes by. Throws RISK_REJECTED or LIMIT_EXCEEDED. */
  async admit(attempt: Attempt, admitted: Admitted): Promise<Assessment['action']> {
    const assessment = await this.assessor.assess(attempt);
    admitted.isNewHold = assessment.isNewHold;
    admitted.payWindowSeconds = assessment.payWindowSeconds;
    if (assessment.action === 'refuse' && !await this.isPardoned(attempt)) {
      this.findings.report({ userId: attempt.userId, saleId: attempt.sale.id, ip: attempt.ip,
        traceId: attempt.traceId, deviceId: attempt.deviceId, assessment });
      // No score, no rule: the sentence must not teach anybody what to change.
      throw new ProblemError('RISK_REJECTED', 'The purchase looks automated and was not accepted. '
        + 'If that is a mistake, ask the shop to review it.');
    }
    if (assessment.hold !== 'free') {
      throw new ProblemError('LIMIT_EXCEEDED',
        'Too many of your orders are not paid yet. Pay or cancel one of them, then buy again.');
    }
    return assessment.action === 'refuse' ? 'captcha' : assessment.action;
  }

  /** Pardons are in Redis; without it the rules refuse by what the request itself says. */
  private async isPardoned({ userId, withoutRedis }: Attempt): Promise<boolean> {
    return withoutRedis !== true && this.pardons.has(userId);
  }
}

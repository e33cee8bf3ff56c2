import { Inject, Injectable } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../../config';
import { RiskSignals, type RiskSubject } from '../signals';
import { ActiveRules } from './active-rules';

/** How risky somebody is who is not buying at this moment. */
@Injectable()
export class RiskScores {
  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly signals: RiskSignals,
    private readonly active: ActiveRules,
  ) {}

  /**
   * The score by what is known already; nothing is counted. 0 unless RISK is on, and on any fault:
   * a captcha that is too easy harms less than none at all.
   */
  async scoreOf(subject: RiskSubject): Promise<number> {
    if (this.config.risk !== 'on') return 0;
    try {
      return this.active.rules.judge(await this.signals.look(subject)).score;
    } catch {
      return 0; // reported by the connection itself
    }
  }
}

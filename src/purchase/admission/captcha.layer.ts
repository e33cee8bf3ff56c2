import { Inject, Injectable } from '@nestjs/common';
import { CaptchaTokens } from '../../captcha';
import { APP_CONFIG, type AppConfig } from '../../config';
import { ProblemError } from '../../kernel';
import type { Assessment } from '../../risk';
import type { Admitted, Attempt } from './attempt';

/** Proof of a human, where the sale or the buyer's risk asks for it. The stock spends it. */
@Injectable()
export class CaptchaLayer {
  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly tokens: CaptchaTokens,
  ) {}

  /** Throws CAPTCHA_REQUIRED. */
  admit({ sale, userId, captchaToken }: Attempt, risk: Assessment['action'],
    admitted: Admitted): void {
    const when = sale.protection.captcha ?? this.config.captcha;
    if (when === 'off' || (when === 'risk' && risk === 'pass')) return;
    const id = captchaToken === undefined ? undefined
      : this.tokens.check(captchaToken, { userId, saleId: sale.id });
    if (id === undefined) {
      throw new ProblemError('CAPTCHA_REQUIRED', 'Solve a captcha first: POST '
        + `/v1/captcha/challenges with {"saleId":"${sale.id}"}, and send its token as `
        + 'X-Captcha-Token.');
    }
    admitted.captchaId = id;
  }
}

import { Inject, Injectable } from '@nestjs/common';
import { CaptchaTokens } from '../../captcha';
import { APP_CONFIG, type AppConfig } from '../../config';
import { ProblemError } from '../../kernel';
import type { Assessment } from '../../risk';
import type { Sale } from '../../sale';
import type { Admitted, Attempt } from './attempt';

const owedAtMost = 50_000;

/** Proof of a human, where the sale or the buyer's risk asks for it. The stock spends it. */
@Injectable()
export class CaptchaLayer {
  /** Who was asked for one and has not bought since, by sale and user, the earliest first. */
  private readonly owed = new Set<string>();

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly tokens: CaptchaTokens,
  ) {}

  /** Throws CAPTCHA_REQUIRED. */
  admit({ sale, userId, captchaToken, withoutRedis }: Attempt, risk: Assessment['action'],
    admitted: Admitted): void {
    const when = sale.protection.captcha ?? this.config.captcha;
    if (when === 'off') return;
    const debt = debtOf(sale, userId);
    // Without Redis none can be had: only a sale that asks everybody insists on it.
    const isOwed = withoutRedis !== true && (risk !== 'pass' || this.owed.has(debt));
    if (when === 'risk' && !isOwed) return;
    const id = captchaToken === undefined ? undefined
      : this.tokens.check(captchaToken, { userId, saleId: sale.id });
    if (id === undefined) {
      this.owe(debt);
      throw new ProblemError('CAPTCHA_REQUIRED', 'Solve a captcha first: POST '
        + `/v1/captcha/challenges with {"saleId":"${sale.id}"}, and send its token as `
        + 'X-Captcha-Token.');
    }
    admitted.captchaId = id;
  }

  /** Units are held: only now is it sure that the proof was not spent before. */
  clear({ sale, userId }: Attempt, { captchaId }: Admitted): void {
    if (captchaId !== undefined) this.owed.delete(debtOf(sale, userId));
  }

  /** Whoever does not buy with one owes it still, also when his next attempt looks harmless. */
  private owe(id: string): void {
    this.owed.add(id);
    if (this.owed.size <= owedAtMost) return;
    const [oldest = ''] = this.owed;
    this.owed.delete(oldest);
  }
}

function debtOf(sale: Sale, userId: string): string {
  return `${sale.id} ${userId}`;
}

import { assertUnreachable, ProblemError, TemporarilyUnavailable } from '../kernel';
import type { Sale } from '../sale';
import type { RefusalReason } from './reserve-outcome';

/** TEMPORARILY_UNAVAILABLE, and certain all the same: this attempt has held nothing. */
export class NothingHeld extends TemporarilyUnavailable {}

/** The same for everybody, and said more often than anything else. */
const soldOut = new ProblemError('SOLD_OUT',
  'Not enough units are left. Units of orders that are not paid come back on sale.');

/** Tells whoever asked for units why he has none, and what he can do. */
export function refusal(reason: RefusalReason, sale: Sale): ProblemError {
  switch (reason) {
    case 'SOLD_OUT': return soldOut;
    case 'LIMIT_EXCEEDED':
      return new ProblemError(reason,
        `One person can buy ${sale.limitPerUser} of this sale; your orders count.`);
    case 'SALE_NOT_OPEN': {
      const opensAt = new Date(sale.opensAtMs).toISOString();
      return new ProblemError(reason, `The sale opens at ${opensAt}.`, { members: { opensAt } });
    }
    case 'SALE_CLOSED':
      return new ProblemError(reason, 'The sale is over.');
    case 'SALE_PAUSED':
      return new ProblemError(reason, 'The sale is paused for the moment. Try again shortly.',
        { headers: { 'Retry-After': '5' } });
    case 'IDEMPOTENCY_KEY_REUSED':
      return new ProblemError(reason,
        'This Idempotency-Key was used with another body. Use a new key for a new purchase.');
    case 'SALE_TOKEN_INVALID':
      return new ProblemError(reason,
        'This sale token has bought already. Ask for a new one: POST /v1/sales/{saleId}/tokens.');
    case 'CAPTCHA_REQUIRED':
      return new ProblemError(reason,
        'This captcha token has been used. Solve a new one: POST /v1/captcha/challenges.');
    default:
      return assertUnreachable(reason);
  }
}

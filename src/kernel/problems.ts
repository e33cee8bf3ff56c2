/**
 * Every problem code that the product answers with, with its HTTP status and its one title.
 * A code that is missing here does not compile; a code that nothing uses fails a test.
 * What went wrong in the particular case is the `detail` of the `ProblemError`, not the title.
 */
export const problems = {
  VALIDATION_FAILED: { status: 400, title: 'The request is not valid' },
  IDEMPOTENCY_KEY_MISSING: { status: 400, title: 'The Idempotency-Key header is missing' },
  UNAUTHENTICATED: { status: 401, title: 'A valid bearer token is required' },
  CAPTCHA_REQUIRED: { status: 403, title: 'A solved captcha is needed' },
  SALE_TOKEN_INVALID: { status: 403, title: 'A valid sale token is needed' },
  RISK_REJECTED: { status: 403, title: 'The purchase was refused by the protection of the sale' },
  BLACKLISTED: { status: 403, title: 'This buyer is excluded' },
  FORBIDDEN: { status: 403, title: 'This caller may not do that' },
  NOT_FOUND: { status: 404, title: 'There is nothing here' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'This path does not support that method' },
  SOLD_OUT: { status: 409, title: 'The sale has no units left' },
  LIMIT_EXCEEDED: { status: 409, title: 'The limit per buyer is used up' },
  SALE_NOT_OPEN: { status: 409, title: 'The sale has not opened yet' },
  SALE_CLOSED: { status: 409, title: 'The sale is over' },
  SALE_STATE_CONFLICT: { status: 409, title: 'The current state of the sale does not allow this' },
  ORDER_STATE_CONFLICT: { status: 409, title: 'The current state does not allow this' },
  CASE_STATE_CONFLICT: { status: 409, title: 'The case is decided already' },
  RULES_CONFLICT: { status: 409, title: 'The rules have changed meanwhile' },
  PAYMENT_TOO_LATE: { status: 409, title: 'The time to pay is over' },
  BODY_TOO_LARGE: { status: 413, title: 'The request body is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The request body must be application/json' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'The key was used with another request' },
  CAPTCHA_FAILED: { status: 422, title: 'The captcha is not solved by that' },
  RATE_LIMITED: { status: 429, title: 'Too many requests' },
  INTERNAL_ERROR: { status: 500, title: 'Something went wrong on our side' },
  SALE_PAUSED: { status: 503, title: 'The sale is paused' },
  TEMPORARILY_UNAVAILABLE: { status: 503, title: 'Temporarily unavailable' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;

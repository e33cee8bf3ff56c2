import { problems, type ProblemCode } from './problems';

/** What a problem answer may carry beside its code and detail. */
export interface ProblemExtras {
  /** Response headers, such as `Retry-After` (seconds) or `WWW-Authenticate`. */
  headers?: Record<string, string>;
  /** Further members of the problem document, such as `errors` or `opensAt`. */
  members?: Record<string, unknown>;
  /** The failure behind it: logged, never shown. */
  cause?: unknown;
}

/**
 * A failure with a name in the catalogue; the one HTTP filter turns it into a problem document.
 * `detail` is shown to the caller: a sentence that says what to do, without internals.
 */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly headers: Readonly<Record<string, string>>;
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    extras: ProblemExtras = {},
  ) {
    const { stackTraceLimit } = Error;
    // A refusal is an answer, not a fault: a flood of them must not pay for stacks nobody reads.
    if (problems[code].status < 500) Error.stackTraceLimit = 0;
    super(`${code}: ${detail}`, { cause: extras.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.headers = extras.headers ?? {};
    this.members = extras.members ?? {};
  }

  /** The HTTP status of the code. */
  get status(): number {
    return problems[this.code].status;
  }
}

/** 503 with `Retry-After`: nothing is wrong with the request, and it may be sent again by then. */
export class TemporarilyUnavailable extends ProblemError {
  constructor(detail: string, { retryAfterSeconds = 1, cause }: {
    retryAfterSeconds?: number; cause?: unknown;
  } = {}) {
    super('TEMPORARILY_UNAVAILABLE', detail,
      { headers: { 'Retry-After': String(retryAfterSeconds) }, cause });
  }
}

import { ProblemError } from '../kernel';

const rememberedAtMost = 120;

/** What a refusal says beside when to come back: the name, quota and window of what refused. */
export interface Policy {
  readonly name: string;
  /** All windows of that name, as `RateLimit-Policy` lists them. */
  readonly windows: readonly { readonly limit: number; readonly windowSeconds: number }[];
  /** What the buyer is told, before when he may ask again. */
  readonly sentence: string;
}

/**
 * The RATE_LIMITED answers of one policy. They differ by the seconds to wait alone and are kept, so
 * that a flood is answered without building an error and its texts for each request.
 * Headers: draft-ietf-httpapi-ratelimit-headers.
 */
export class Refusals {
  private readonly policyHeader: string;
  private readonly known = new Map<number, ProblemError>();

  constructor(private readonly policy: Policy) {
    this.policyHeader = policy.windows.map(({ limit, windowSeconds }) =>
      `"${policy.name}";q=${limit};w=${windowSeconds}`).join(', ');
  }

  /** The refusal of a request that may be sent again after this time; at least a second is said. */
  after(waitMs: number): ProblemError {
    const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
    const known = this.known.get(seconds);
    if (known !== undefined) return known;
    const problem = new ProblemError('RATE_LIMITED',
      `${this.policy.sentence} Ask again in ${seconds} s.`, {
        headers: {
          'Retry-After': String(seconds),
          'RateLimit-Policy': this.policyHeader,
          'RateLimit': `"${this.policy.name}";r=0;t=${seconds}`,
        },
      });
    if (this.known.size >= rememberedAtMost) this.known.clear();
    this.known.set(seconds, problem);
    return problem;
  }
}

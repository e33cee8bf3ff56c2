import type { Identity } from '../../auth';
import type { ThrottleSubject } from '../../throttle';
import type { Sale } from '../../sale';

/** One request to buy, as the layers of the funnel see it. */
export interface Attempt extends ThrottleSubject {
  readonly identity: Identity;
  readonly sale: Sale;
  /** What has the units for this buyer: the sale, or the one of its segments that keeps his limit. */
  readonly stock: Sale;
  readonly quantity: number;
  /** The id that its reservation has or would have. */
  readonly rid: string;
  readonly traceId: string;
  readonly saleToken?: string;
  readonly captchaToken?: string;
  /** For how long it stood in line. */
  readonly waitedMs: number;
}

/** What the layers found out about an attempt that they let through. */
export interface Admitted {
  /** Ids of the proofs that the purchase spends. */
  saleTokenId?: string;
  captchaId?: string;
  /** Time to pay, shorter for buyers who let orders expire. */
  payWindowSeconds?: number;
  /** The risk layer counts this attempt as an unpaid order until somebody says otherwise. */
  isNewHold: boolean;
}

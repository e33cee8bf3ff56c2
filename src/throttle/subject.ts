import { ipNetworkOf } from '../infra/http';

/** What a request can be counted by. */
export type Scope = 'user' | 'ip' | 'device' | 'sale' | 'global';

/** Limits of one sale in place of the configured ones, written as THROTTLE_USER and so on are. */
export type SaleThrottle = Readonly<Partial<Record<Exclude<Scope, 'global'>, string>>>;

/** A sale as far as it says how often one may ask to buy of it. */
export interface ThrottledSale {
  readonly id: string;
  readonly protection: { readonly throttle?: SaleThrottle };
}

/** Who asks. With `sale` it is a buying call, which counts for the sale and the system, too. */
export interface ThrottleSubject {
  readonly userId: string;
  readonly ip: string;
  readonly deviceId?: string;
  readonly sale?: ThrottledSale;
  /** The sale goes on without Redis: then this process counts by itself. */
  readonly withoutRedis?: boolean;
}

/** By which id the subject is counted in a scope; undefined: not at all. */
export const idIn: Record<Scope, (subject: ThrottleSubject) => string | undefined> = {
  user: ({ userId }) => userId,
  // Whoever comes without an address shares one with all others who do.
  ip: ({ ip }) => ipNetworkOf(ip) ?? 'unknown',
  device: ({ deviceId }) => deviceId,
  sale: ({ sale }) => sale?.id,
  global: ({ sale }) => (sale === undefined ? undefined : 'all'),
};

import { type AppConfig, requestsPerSecond, throttleWindows } from '../config';
import type { AdmissionRedis } from '../infra/redis';
import { Limit } from './limit';
import type { SaleThrottle, Scope, ThrottledSale } from './subject';

type LimitOfScope = Partial<Record<Scope, Limit>>;

interface SaleLimits {
  readonly throttle: SaleThrottle;
  readonly limits: readonly Limit[];
}

const salesAtMost = 1_000;

/** Which limits a request is held to: the configured ones, but for what its sale says itself. */
export class Limits {
  private readonly configured: LimitOfScope;
  private readonly usual: readonly Limit[];
  private readonly ofSales = new Map<string, SaleLimits>();

  constructor(config: AppConfig, private readonly redis: AdmissionRedis) {
    this.configured = {
      user: Limit.sliding('user', this.keysOfBuyers('user'), config.throttleUser),
      ip: Limit.sliding('ip', this.keysOfBuyers('ip'), config.throttleIp),
      device: Limit.sliding('device', this.keysOfBuyers('device'), config.throttleDevice),
      sale: Limit.bucket('sale', this.keysOfAll('sale'), config.throttleSale),
      global: Limit.bucket('global', this.keysOfAll('global'), config.throttleGlobal),
    };
    this.usual = listOf(this.configured);
  }

  of(sale: ThrottledSale | undefined): readonly Limit[] {
    const throttle = sale?.protection.throttle;
    if (sale === undefined || throttle === undefined) return this.usual;
    const known = this.ofSales.get(sale.id);
    // By what it says: the catalogue makes its sales anew every second.
    if (known !== undefined && isSame(known.throttle, throttle)) return known.limits;
    const limits = listOf({ ...this.configured, ...this.own(sale.id, throttle) });
    const [oldest] = this.ofSales.keys();
    if (oldest !== undefined && this.ofSales.size >= salesAtMost) this.ofSales.delete(oldest);
    this.ofSales.set(sale.id, { throttle, limits });
    return limits;
  }

  /** In keys of their own, so that calls which are limited in different ways do not mix. */
  private own(saleId: string, throttle: SaleThrottle): LimitOfScope {
    const own: LimitOfScope = {};
    for (const scope of ['user', 'ip', 'device'] as const) {
      const text = throttle[scope];
      if (text === undefined) continue;
      own[scope] = Limit.sliding(scope, this.keysOfBuyers(`${scope}-of-sale`, saleId),
        throttleWindows.parse(text));
    }
    if (throttle.sale !== undefined) {
      own.sale = Limit.bucket('sale', this.keysOfAll('sale'),
        requestsPerSecond.parse(throttle.sale));
    }
    return own;
  }

  private keysOfBuyers(...parts: string[]): (id: string) => string {
    const prefix = this.redis.key('throttle', ...parts);
    return (id) => `${prefix}:${this.redis.identity(id)}`;
  }

  /** What is counted of a sale lies where the sale is. */
  private keysOfAll(kind: string): (id: string) => string {
    const prefix = this.redis.key('throttle', kind);
    return (id) => `${prefix}:${this.redis.isCluster ? `{${id}}` : id}`;
  }
}

function listOf(limits: LimitOfScope): Limit[] {
  return Object.values(limits).filter((limit) => limit !== undefined);
}

function isSame(one: SaleThrottle, other: SaleThrottle): boolean {
  return one.user === other.user && one.ip === other.ip && one.device === other.device
    && one.sale === other.sale;
}

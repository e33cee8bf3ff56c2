import { Inject, Injectable } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../config';
import { AdmissionRedis } from '../infra/redis';
import type { ProblemError } from '../kernel';
import { Limits } from './limits';
import { MemoryStorage } from './memory-storage';
import { SlidingWindowStorage } from './sliding-window-storage';
import type { ThrottleSubject } from './subject';

/** How often one may ask. Counts in Redis; whoever is refused there is then refused by memory. */
@Injectable()
export class Throttle {
  private readonly limits: Limits;
  private readonly memory = new MemoryStorage();

  constructor(
    @Inject(APP_CONFIG) config: AppConfig,
    redis: AdmissionRedis,
    private readonly storage: SlidingWindowStorage,
  ) {
    this.limits = new Limits(config, redis);
  }

  /** By memory alone: the RATE_LIMITED that Redis would answer, too, if it were asked. */
  blocked(subject: ThrottleSubject): ProblemError | undefined {
    const nowMs = performance.now();
    for (const limit of this.limits.of(subject.sale)) {
      const problem = limit.blocked(subject, nowMs);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  /**
   * Counts the request and lets it through, or counts it nowhere and throws RATE_LIMITED. All
   * limits cost one round trip, none costs none. Rejects at once when Redis is away: nobody passes,
   * unless the sale goes on without Redis; then the limits hold for this process alone. A Cluster is
   * asked limit by limit, from a buyer's own to those that he shares: what one of the latter refuses
   * has counted in the former, and never the other way round.
   */
  async admit(subject: ThrottleSubject): Promise<void> {
    const claims = this.limits.of(subject.sale).flatMap((limit) => {
      const key = limit.keyOf(subject);
      return key === undefined ? [] : [{ limit, key, scriptArguments: limit.scriptArguments }];
    });
    if (claims.length === 0) return;
    // Redis counts the time to wait from later on: memory never refuses longer than Redis would.
    const askedAtMs = performance.now();
    const refused = subject.withoutRedis === true
      ? this.memory.take(claims, askedAtMs) : await this.storage.take(claims);
    const [longest] = refused.map(({ claim, window, waitMs }) =>
      claim.limit.refuse(subject, window, waitMs, askedAtMs));
    if (longest !== undefined) throw longest;
  }
}

import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { APP_CONFIG, type AppConfig } from '../config';
import { Limit } from './limit';
import { MemoryStorage } from './memory-storage';

/**
 * How often one user may call what costs something and is neither bought nor solved: his orders, his
 * payments, his part in a sale. Counted in this process alone, since a question to Redis would cost as
 * much as the answer; whoever has a role works for the shop and is not counted.
 */
@Injectable()
export class CallerThrottleGuard implements CanActivate {
  private readonly limit: Limit | undefined;
  private readonly memory = new MemoryStorage();

  constructor(@Inject(APP_CONFIG) config: AppConfig) {
    this.limit = Limit.sliding('user', (userId) => userId, config.throttleCalls);
  }

  /** Throws RATE_LIMITED. */
  canActivate(context: ExecutionContext): true {
    const { identity } = context.switchToHttp().getRequest<FastifyRequest>();
    if (!this.limit || !identity || identity.roles.length > 0) return true;
    const { limit } = this;
    const caller = { userId: identity.userId, ip: '' };
    const nowMs = performance.now();
    const blocked = limit.blocked(caller, nowMs);
    if (blocked) throw blocked;
    const [refused] = this.memory.take(
      [{ limit, key: caller.userId, scriptArguments: limit.scriptArguments }], nowMs);
    if (refused) throw limit.refuse(caller, refused.window, refused.waitMs, nowMs);
    return true;
  }
}

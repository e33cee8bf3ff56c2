import { type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { ThrottlerGuard } from '@nestjs/throttler';
import type { FastifyRequest } from 'fastify';
import { clientIpOf, deviceIdOf } from '../infra/http';
import { Throttle } from './throttle';

/**
 * For routes that cost something and sell nothing, such as captchas and sale tokens: they count
 * with the buying calls. Where the library's guard asks its storage window by window, this one asks
 * for every window of user, address and device in one round trip.
 */
@Injectable()
export class BuyerThrottleGuard extends ThrottlerGuard {
  @Inject(Throttle) private readonly throttle!: Throttle;

  /** The library would prepare its way from window to window, and warn where it finds none. */
  override async onModuleInit(): Promise<void> { /* There is nothing to prepare. */ }

  /** Throws RATE_LIMITED. */
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const userId = request.identity?.userId;
    if (userId === undefined) throw new Error('BuyerThrottleGuard does not work on a public route');
    const subject = { userId, ip: clientIpOf(request), deviceId: deviceIdOf(request),
      withoutRedis: await this.isWithoutRedis(request) };
    const problem = this.throttle.blocked(subject);
    if (problem !== undefined) throw problem;
    await this.throttle.admit(subject);
    return true;
  }

  /** Whether this process counts by itself, as for a sale that goes on without Redis. */
  protected isWithoutRedis(request: FastifyRequest): Promise<boolean>;
  protected async isWithoutRedis(): Promise<boolean> {
    return false;
  }
}

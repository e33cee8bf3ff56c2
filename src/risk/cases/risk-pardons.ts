import { Injectable } from '@nestjs/common';
import { AdmissionRedis } from '../../infra/redis';

/** As long as the signals that were against him last. */
const pardonSeconds = 24 * 3600;

/**
 * Whom a reviewer has found to be no bot: for a day the rules ask him for a captcha where they would
 * refuse him. Asked only about attempts that are refused, so it costs others nothing.
 */
@Injectable()
export class RiskPardons {
  constructor(private readonly redis: AdmissionRedis) {}

  /** Rejects when Redis is away; the case's schedule repeats it. */
  async grant(userId: string): Promise<void> {
    await this.redis.ask((connection) =>
      connection.set(this.key(userId), '1', 'EX', pardonSeconds));
  }

  async has(userId: string): Promise<boolean> {
    return await this.redis.ask((connection) => connection.exists(this.key(userId))) === 1;
  }

  private key(userId: string): string {
    return this.redis.key('risk', 'pardon', this.redis.identity(userId));
  }
}

import type { KeyObject } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InstallationSecrets } from '../infra/database';
import { ServerClock } from '../infra/redis';
import { issueBoundToken, readBoundToken, type TokenBinding } from '../kernel';

const lifetimeMs = 5 * 60_000;

/** What a solved captcha is worth: a token of one user for one sale, spent by the reservation. */
@Injectable()
export class CaptchaTokens implements OnModuleInit {
  private secret: KeyObject | undefined;

  constructor(
    private readonly secrets: InstallationSecrets,
    private readonly clock: ServerClock,
  ) {}

  async onModuleInit(): Promise<void> {
    this.secret = await this.secrets.key('captcha-token');
  }

  /** A new token, good for 5 minutes. */
  issue(binding: TokenBinding): { token: string; expiresAtMs: number } {
    const expiresAtMs = this.clock.now() + lifetimeMs;
    return { token: issueBoundToken(this.key, binding, expiresAtMs), expiresAtMs };
  }

  /**
   * The token's own id, by which the reserve script spends it exactly once; undefined when it is
   * not a valid captcha token of this user and sale. Asks no server.
   */
  check(token: string, binding: TokenBinding): string | undefined {
    return readBoundToken(this.key, binding, token, this.clock.now());
  }

  private get key(): KeyObject {
    if (this.secret === undefined) throw new Error('No token is read before the start is over');
    return this.secret;
  }
}

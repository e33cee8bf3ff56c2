import type { KeyObject } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InstallationSecrets } from '../../infra/database';
import { ServerClock } from '../../infra/redis';
import { issueBoundToken, readBoundToken, type TokenBinding } from '../../kernel';
import type { Sale } from '../../sale';

/** After the opening, or after the moment it was asked for when that was later. */
const validMs = 2 * 3600 * 1_000;

export interface SaleToken {
  token: string;
  expiresAtMs: number;
}

/**
 * Sale tokens: the right of one user to one order of one sale. Nothing is stored when one is issued;
 * the reserve script spends it in the same step in which it holds the units.
 */
@Injectable()
export class SaleTokens implements OnModuleInit {
  private key: KeyObject | undefined;

  constructor(
    private readonly secrets: InstallationSecrets,
    private readonly clock: ServerClock,
  ) {}

  async onModuleInit(): Promise<void> {
    this.key = await this.secrets.key('sale-token');
  }

  /** A new token; every call gives another one. */
  issue(userId: string, sale: Sale): SaleToken {
    const expiresAtMs = Math.min(sale.closesAtMs,
      Math.max(sale.opensAtMs, this.clock.now()) + validMs);
    const token = issueBoundToken(this.requireKey(), { userId, saleId: sale.id }, expiresAtMs);
    return { token, expiresAtMs };
  }

  /** The id under which the token is spent; undefined when it is not one of this user and sale. */
  check(token: string, binding: TokenBinding): string | undefined {
    return readBoundToken(this.requireKey(), binding, token, this.clock.now());
  }

  private requireKey(): KeyObject {
    if (this.key === undefined) throw new Error('Tokens are not made before the start is over');
    return this.key;
  }
}

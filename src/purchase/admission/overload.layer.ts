import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Overload } from '../../infra/overload';
import type { ProblemError } from '../../kernel';
import { StockGate } from '../../stock';
import { Lots } from '../../throttle';
import { SaleTokens } from '../sale-token/sale-tokens';
import { RecentHolds } from './recent-holds';

/** For so long one lot decides about a buyer; longer than the answer to a press would take. */
const windowMs = 4_000;

/** `stockId`: where the sale keeps this buyer. `needsToken`: whether the sale asks for sale tokens. */
interface Buyer {
  readonly userId: string;
  readonly saleId: string;
  readonly stockId: string;
  readonly needsToken: boolean;
}

/**
 * While the process cannot keep up, new buyers are told to come back: as many as are too many, drawn
 * by lot. Who has the sale token that the sale asks for is the last to be told so, and the retry of a
 * purchase that holds units never is.
 */
@Injectable()
export class OverloadLayer {
  constructor(
    private readonly overload: Overload,
    private readonly tokens: SaleTokens,
    private readonly gate: StockGate,
    private readonly holds: RecentHolds,
    private readonly lots: Lots,
  ) {}

  /** By memory alone: the TEMPORARILY_UNAVAILABLE of him on whom the lot falls. */
  refuse({ headers }: FastifyRequest, buyer: Buyer, nowMs: number): ProblemError | undefined {
    const { pressure } = this.overload;
    if (pressure === 0) return undefined;
    const { lot, waitMs } = draw(buyer, nowMs, this.lots);
    if (lot >= pressure || this.isHeld(headers['idempotency-key'], buyer)) return undefined;
    const isAdmitted = buyer.needsToken && this.hasToken(headers['x-sale-token'], buyer);
    if (isAdmitted && lot >= pressure - 1) return undefined;
    return this.overload.refuse(isAdmitted ? 'admitted_purchase' : 'purchase',
      Math.ceil(waitMs / 1_000));
  }

  private isHeld(key: string | string[] | undefined,
    { userId, stockId }: Buyer): boolean {
    return typeof key === 'string' && this.holds.has(this.gate.idOf(userId, stockId, key));
  }

  private hasToken(token: string | string[] | undefined, buyer: Buyer): boolean {
    return typeof token === 'string' && this.tokens.check(token, buyer) !== undefined;
  }
}

/**
 * One lot, from 0 to 1, for each buyer and window: asking more often changes nothing. Windows begin
 * at another time for each buyer, so that those who come back do not come at once.
 */
export function draw({ userId, saleId }: { userId: string; saleId: string }, nowMs: number,
  lots: Pick<Lots, 'of'>): { lot: number; waitMs: number } {
  const shiftedMs = nowMs + lots.of(`${saleId}|${userId}`) * windowMs;
  const window = Math.floor(shiftedMs / windowMs);
  return { lot: lots.of(`${saleId}|${window}|${userId}`),
    waitMs: (window + 1) * windowMs - shiftedMs };
}

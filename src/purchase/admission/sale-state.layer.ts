import { Injectable } from '@nestjs/common';
import { clockDoubtMs } from '../../infra/redis';
import type { ProblemError } from '../../kernel';
import { EarlyAttempts } from '../../risk';
import { stockIdOf, stockIdsOf, type Sale } from '../../sale';
import { refusal, SoldOutSales } from '../../stock';

/**
 * The states of a sale that memory knows for sure. In every other one the request may be the retry
 * of a purchase that succeeded.
 */
@Injectable()
export class SaleStateLayer {
  constructor(
    private readonly early: EarlyAttempts,
    private readonly soldOut: SoldOutSales,
  ) {}

  refuse(sale: Sale, userId: string, nowMs: number): ProblemError | undefined {
    const early = tooEarly(sale, nowMs);
    if (early) this.early.add(sale.id, userId);
    return early ?? this.soldOutFor(sale, userId);
  }

  /** Throws SOLD_OUT when memory knows of it by now. */
  refuseSoldOut(sale: Sale, userId: string): void {
    const problem = this.soldOutFor(sale, userId);
    if (problem) throw problem;
  }

  private soldOutFor(sale: Sale, userId: string): ProblemError | undefined {
    const isSoldOut = (sale.segments === 1 || stockIdsOf(sale).every((id) => this.soldOut.isSoldOut(id)))
      && this.soldOut.isSoldOutFor(stockIdOf(sale, userId), userId);
    return isSoldOut ? refusal('SOLD_OUT', sale) : undefined;
  }
}

/** Nobody has bought of a sale before it opens. One that was closed before that never does. */
export function tooEarly(sale: Sale, nowMs: number): ProblemError | undefined {
  const isEarly = nowMs < sale.opensAtMs - clockDoubtMs && sale.status !== 'closed';
  return isEarly ? refusal('SALE_NOT_OPEN', sale) : undefined;
}

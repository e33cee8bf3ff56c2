import { Controller, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentUser, Roles, type Identity } from '../auth';
import { clientIpOf, Describe, IdempotencyKey, PathId, traceIdOf, ValidBody } from '../infra/http';
import { ProblemError } from '../kernel';
import { SaleCatalog, stockIdsOf } from '../sale';
import { SegmentLoans } from './segment-loans';
import { StockAdjustments } from './stock-adjustments';

const adjustmentBody = z.strictObject({
  delta: z.int().min(-10_000_000).max(10_000_000).refine((delta) => delta !== 0, 'must not be 0')
    .meta({ description: 'Units to add, or to take away when negative' }),
  reason: z.string().trim().min(1).max(500),
}).meta({ id: 'StockAdjustment', examples: [{ delta: 50, reason: 'Second delivery' }] });

const adjusted = z.object({ saleId: z.string(), delta: z.int() })
  .meta({ id: 'AdjustedStock', examples: [{ saleId: 'sale_0a1b2c3d4e5f6g7h8j9k', delta: 50 }] });

@Controller()
@Roles('admin')
export class AdjustmentController {
  constructor(
    private readonly adjustments: StockAdjustments,
    private readonly catalog: SaleCatalog,
    private readonly loans: SegmentLoans,
  ) {}

  @Post('admin/v1/sales/:saleId/stock-adjustments')
  @HttpCode(200)
  @Describe({
    summary: 'Add units to a sale, or take unsold ones out, while it runs',
    description: 'Once per Idempotency-Key. After a time-out, ask again with the same key. Not after the '
      + 'sale is retired, a day after its end.',
    tag: 'stock',
    answers: { 200: { description: 'The stock is changed on both sides.', schema: adjusted } },
    problems: ['NOT_FOUND', 'SOLD_OUT', 'SALE_STATE_CONFLICT', 'IDEMPOTENCY_KEY_REUSED'],
  })
  async adjust(
    @PathId('saleId') saleId: string,
    @ValidBody(adjustmentBody) { delta, reason }: z.infer<typeof adjustmentBody>,
    @IdempotencyKey() key: string,
    @CurrentUser() { userId }: Identity,
    @Req() request: FastifyRequest,
  ): Promise<z.infer<typeof adjusted>> {
    const sale = await this.catalog.findOffer(saleId);
    if (!sale) throw new ProblemError('NOT_FOUND', 'There is no such sale.');
    // Others borrow from the first segment what is added to it, and lend it what is to be taken out.
    const [stockId = saleId] = stockIdsOf(sale);
    await this.requireLife(stockId, key);
    const mayBeThere = sale.segments > 1 && delta < 0 && await this.gather(stockId, -delta, key);
    await this.adjustments.adjust({ saleId: stockId, offerId: saleId, id: key, delta, reason, actor: userId },
      { source: 'adjustment', ip: clientIpOf(request), traceId: traceIdOf(request) }, !mayBeThere);
    return { saleId, delta };
  }

  /** False when nothing is left to be brought together: all segments have fewer, or it is decided. */
  private async gather(stockId: string, units: number, key: string): Promise<boolean> {
    const status = await this.adjustments.statusOf(stockId, key);
    if (status !== undefined && status !== 'pending') return false;
    return this.loans.gather(stockId, units);
  }

  /**
   * Of a retired sale nothing is sold any more, and its ledger may lie in the archive. What was decided
   * before gets its answer.
   */
  private async requireLife(stockId: string, key: string): Promise<void> {
    const stock = await this.catalog.find(stockId);
    if (stock?.retiredAtMs === undefined) return;
    const earlier = await this.adjustments.statusOf(stockId, key);
    if (earlier !== undefined && earlier !== 'pending') return;
    throw new ProblemError('SALE_STATE_CONFLICT',
      'The sale is over for good: its stock cannot be changed any more.');
  }
}

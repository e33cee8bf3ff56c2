import { Controller, Get } from '@nestjs/common';
import { z } from 'zod';
import { CurrentUser, Roles, userIdPattern, type Identity } from '../../auth';
import { Describe, PathId, PathText } from '../../infra/http';
import { ServerClock } from '../../infra/redis';
import { ProblemError } from '../../kernel';
import { SaleCatalog, SaleGate, stateOf, stockIdOf, stockIdsOf, unitsOf } from '../../sale';
import { BuyerOrders } from './buyer-orders';
import { explain, layerOf } from './explanation';
import { Timeline } from './timeline';
import type { TimelineEntry } from './timeline-entry';
import { buyerTimeline, ownStory } from './timeline.schemas';

const userIdText = z.string().regex(userIdPattern, '1 to 128 visible ASCII characters');

/** Why a buyer got what he got. */
@Controller()
export class TimelineController {
  constructor(
    private readonly catalog: SaleCatalog,
    private readonly gate: SaleGate,
    private readonly clock: ServerClock,
    private readonly timeline: Timeline,
    private readonly orders: BuyerOrders,
  ) {}

  @Get('admin/v1/sales/:saleId/buyers/:userId/timeline')
  @Roles('admin', 'risk', 'viewer')
  @Describe({
    summary: 'What happened to each request of a buyer in a sale',
    description: 'The last 20 answers of the buying call; equal ones in a row are one item. Kept '
      + 'until 7 days after the end of the sale. `userId` is percent-encoded.',
    tag: 'sales',
    answers: { 200: { description: 'His requests and his orders.', schema: buyerTimeline } },
    problems: ['NOT_FOUND'],
  })
  async ofBuyer(
    @PathId('saleId') saleId: string,
    @PathText('userId', userIdText) userId: string,
  ): Promise<z.infer<typeof buyerTimeline>> {
    const sale = await this.catalog.findOffer(saleId);
    if (!sale) throw noSuchSale();
    const [{ entries, leftOut }, orders] = await Promise.all(
      [this.timeline.of(saleId, userId), this.orders.of(stockIdOf(sale, userId), userId)]);
    const items = entries.map((entry) => ({ ...toItem(entry), layer: layerOf(entry.outcome) }));
    return { saleId, userId, items, orders, leftOut };
  }

  @Get('v1/sales/:saleId/me')
  @Describe({
    summary: 'What became of your requests to buy, and why',
    description: 'Your orders in this sale, and in plain sentences what each of your last requests '
      + 'was answered and what you can do.',
    tag: 'sales',
    answers: { 200: { description: 'Your part in the sale.', schema: ownStory } },
    problems: ['NOT_FOUND'],
  })
  async ofCaller(
    @PathId('saleId') saleId: string,
    @CurrentUser() { userId }: Identity,
  ): Promise<z.infer<typeof ownStory>> {
    const sale = await this.catalog.findOffer(saleId);
    if (!sale) throw noSuchSale();
    const stockId = stockIdOf(sale, userId);
    const [available, { entries }, orders, unitsHeld] = await Promise.all([
      this.gate.available(stockIdsOf(sale)), this.timeline.of(saleId, userId),
      this.orders.of(stockId, userId), this.orders.unitsHeld(stockId, userId)]);
    const state = stateOf(sale, this.clock.now(), unitsOf(sale, available));
    if (state === 'draft') throw noSuchSale();
    const items = entries.map((entry) => ({ ...toItem(entry), ...explain(entry.outcome) }));
    return { saleId, state, limitPerUser: sale.limitPerUser, unitsHeld, orders, items };
  }
}

function noSuchSale(): ProblemError {
  return new ProblemError('NOT_FOUND', 'There is no such sale.');
}

function toItem({ atMs, lastAtMs, rid, ...answer }: TimelineEntry) {
  return { ...answer, at: new Date(atMs).toISOString(), lastAt: new Date(lastAtMs).toISOString(),
    ...(rid !== undefined && { orderId: rid }) };
}

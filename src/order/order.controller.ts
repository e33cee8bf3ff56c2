import { Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { CurrentUser, type Identity } from '../auth';
import { clientIpOf, Describe, pageOf, PathId, traceIdOf, ValidQuery } from '../infra/http';
import { OrderCancellation } from './order-cancellation';
import { OrderLookup, toView, type OrderView } from './order-lookup';
import { OrderStore } from './order-store';
import { order, orderListQuery, orderPage } from './order.schemas';

/** What a buyer may see and do about his orders. */
@Controller()
export class OrderController {
  constructor(
    private readonly lookup: OrderLookup,
    private readonly store: OrderStore,
    private readonly cancellation: OrderCancellation,
  ) {}

  @Get('v1/orders')
  @Describe({ summary: "The caller's orders, newest first", tag: 'orders',
    description: 'An order is listed once its row is written, usually within moments; before that it '
      + 'is found by its id.',
    answers: { 200: { description: 'One page.', schema: orderPage } } })
  async list(
    @ValidQuery(orderListQuery) { cursor }: z.infer<typeof orderListQuery>,
    @CurrentUser() { userId }: Identity,
  ): Promise<{ items: OrderView[]; nextCursor: string | null }> {
    const { items, nextCursor } = pageOf(await this.store.ofUser(userId, cursor),
      ({ reservedAt, id }) => ({ atMs: reservedAt.getTime(), id }));
    return { items: items.map((row) => toView({ kind: 'row', order: row })), nextCursor };
  }

  @Get('v1/orders/:orderId')
  @Describe({ summary: 'One order, from the moment its units are held', tag: 'orders',
    description: 'For its owner and for admins; to anybody else it does not exist.',
    answers: { 200: { description: 'The order as it stands.', schema: order } },
    problems: ['NOT_FOUND'] })
  get(@PathId('orderId') orderId: string, @CurrentUser() identity: Identity): Promise<OrderView> {
    return this.lookup.forReader(orderId, identity);
  }

  @Post('v1/orders/:orderId/cancel')
  @HttpCode(200)
  @Describe({ summary: 'Cancel an unpaid order; its units are back on sale', tag: 'orders',
    answers: { 200: { description: 'It is cancelled; again, the same.', schema: order } },
    problems: ['NOT_FOUND', 'ORDER_STATE_CONFLICT'] })
  cancel(
    @PathId('orderId') orderId: string,
    @CurrentUser() identity: Identity,
    @Req() request: FastifyRequest,
  ): Promise<OrderView> {
    return this.cancellation.cancel(orderId, identity,
      { source: 'cancel', ip: clientIpOf(request), traceId: traceIdOf(request) });
  }
}

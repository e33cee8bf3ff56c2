import { Controller, Get, Req, Res, type BeforeApplicationShutdown }
  from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentUser, type Identity } from '../auth';
import { Describe, PathId, traceIdOf } from '../infra/http';
import { OrderLookup, type OrderView } from './order-lookup';
import { OrderNotices } from './order-notices';
import { isFinal } from './order-status';

/** A lost notice is made up for after this time; it also keeps proxies from closing the stream. */
const lookEveryMs = 5_000;

const streamText = z.string().meta({ examples: [
  'event: status\ndata: {"id":"k31x9q…","status":"pending_payment"}\n\n'] });

/** Server-sent events about one order, until it is final. */
@Controller()
export class OrderEventsController implements BeforeApplicationShutdown {
  private readonly open = new Set<FastifyReply>();
  private closing = false;

  constructor(
    private readonly lookup: OrderLookup,
    private readonly notices: OrderNotices,
  ) {}

  @Get('v1/orders/:orderId/events')
  @Describe({ summary: 'Follow an order as server-sent events', tag: 'orders',
    description: 'Events are called `status`, their data is the order; ends at a final status.',
    answers: { 200: { description: 'The stream.',
      otherContent: { 'text/event-stream': streamText } } },
    problems: ['NOT_FOUND'] })
  async events(
    @PathId('orderId') orderId: string,
    @CurrentUser() identity: Identity,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const watch = this.notices.watch(orderId);
    try {
      await this.stream(reply, traceIdOf(request), async () => {
        await watch.next(lookEveryMs);
        return this.lookup.forReader(orderId, identity);
      }, await this.lookup.forReader(orderId, identity));
    } finally {
      watch.stop();
    }
  }

  private async stream(reply: FastifyReply, traceId: string, next: () => Promise<OrderView>,
    first: OrderView): Promise<void> {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store',
      'x-accel-buffering': 'no', 'x-trace-id': traceId });
    this.open.add(reply);
    try {
      let order = first;
      reply.raw.write(eventText(order));
      while (!isFinal(order.status) && !this.closing && !reply.raw.destroyed) {
        const current = await next();
        reply.raw.write(current.status === order.status ? ': still there\n\n' : eventText(current));
        order = current;
      }
    } catch {
      // The reader sees the stream end and connects again.
    } finally {
      this.open.delete(reply);
      reply.raw.end();
    }
  }

  /** Streams end before the server waits for its requests; readers connect elsewhere. */
  beforeApplicationShutdown(): void {
    this.closing = true;
    for (const reply of this.open) reply.raw.end();
  }
}

function eventText(order: OrderView): string {
  return `event: status\ndata: ${JSON.stringify(order)}\n\n`;
}

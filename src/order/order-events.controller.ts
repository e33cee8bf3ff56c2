import type { OutgoingHttpHeaders } from 'node:http';
import { Controller, Get, Inject, Res, type BeforeApplicationShutdown } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { CurrentUser, type Identity } from '../auth';
import { APP_CONFIG, type AppConfig } from '../config';
import { Describe, PathId } from '../infra/http';
import { ProblemError } from '../kernel';
import { OrderLookup, type OrderView } from './order-lookup';
import { OrderNotices } from './order-notices';
import { isFinal } from './order-status';

/** A lost notice is made up for after this time; it also keeps proxies from closing the stream. */
const lookEveryMs = 5_000;
/** Each costs a connection, and a look at the database every few seconds while its order is open. */
const streamsOfUserAtMost = 20;
const shareOfConnections = 0.5;

const streamText = z.string().meta({ examples: [
  'event: status\ndata: {"id":"k31x9q…","status":"pending_payment"}\n\n'] });

/** Server-sent events about one order, until it is final. */
@Controller()
export class OrderEventsController implements BeforeApplicationShutdown {
  /** By whom. */
  private readonly open = new Map<FastifyReply, string>();
  private closing = false;

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly lookup: OrderLookup,
    private readonly notices: OrderNotices,
  ) {}

  @Get('v1/orders/:orderId/events')
  @Describe({ summary: 'Follow an order as server-sent events', tag: 'orders',
    description: 'Events are called `status`, their data is the order; ends at a final status. Of one user '
      + `at most ${streamsOfUserAtMost} are open at a time.`,
    answers: { 200: { description: 'The stream.',
      otherContent: { 'text/event-stream': streamText } } },
    problems: ['NOT_FOUND', 'RATE_LIMITED'] })
  async events(
    @PathId('orderId') orderId: string,
    @CurrentUser() identity: Identity,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    this.requireRoom(identity.userId);
    this.open.set(reply, identity.userId);
    const watch = this.notices.watch(orderId);
    try {
      await this.stream(reply, async () => {
        await watch.next(lookEveryMs);
        return this.lookup.forReader(orderId, identity);
      }, await this.lookup.forReader(orderId, identity));
    } finally {
      watch.stop();
      this.open.delete(reply);
    }
  }

  /** Those that were left count until the next look at their order. */
  private requireRoom(userId: string): void {
    const streams = [...this.open.values()];
    const isFull = streams.length >= this.config.maxConnections * shareOfConnections;
    if (!isFull && streams.filter((reader) => reader === userId).length < streamsOfUserAtMost) return;
    throw new ProblemError('RATE_LIMITED', 'Too many streams are open. Ask for the order itself meanwhile.',
      { headers: { 'Retry-After': String(lookEveryMs / 1_000) } });
  }

  private async stream(reply: FastifyReply, next: () => Promise<OrderView>,
    first: OrderView): Promise<void> {
    reply.headers({ 'content-type': 'text/event-stream', 'cache-control': 'no-store',
      'x-accel-buffering': 'no' }).hijack();
    // Also what every answer carries, which Fastify has kept and does not send any more.
    reply.raw.writeHead(200, reply.getHeaders() as OutgoingHttpHeaders);
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
      reply.raw.end();
    }
  }

  /** Streams end before the server waits for its requests; readers connect elsewhere. */
  beforeApplicationShutdown(): void {
    this.closing = true;
    for (const reply of this.open.keys()) if (reply.sent) reply.raw.end();
  }
}

function eventText(order: OrderView): string {
  return `event: status\ndata: ${JSON.stringify(order)}\n\n`;
}

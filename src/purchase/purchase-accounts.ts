import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Metrics } from '../infra/metrics';
import { ServerClock } from '../infra/redis';
import { SaleCatalog } from '../sale';
import { StockGate } from '../stock';
import { buyingRoute } from './admission/front-gate';
import { purchaseBody } from './purchase.controller';
import { RefusalCounts } from './refusal-counts';
import { Timeline } from './timeline/timeline';

const outcomeOfStatus: Record<number, 'accepted' | 'created' | 'known' | undefined> =
  { 202: 'accepted', 201: 'created', 200: 'known' };

const orderPath = '/v1/orders/';

/**
 * The one place where every request to buy is accounted for, whichever layer answered it: the metric,
 * the sale's refusal counts, and the buyer's timeline.
 */
@Injectable()
export class PurchaseAccounts implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly metrics: Metrics,
    private readonly catalog: SaleCatalog,
    private readonly gate: StockGate,
    private readonly clock: ServerClock,
    private readonly counts: RefusalCounts,
    private readonly timeline: Timeline,
  ) {}

  onModuleInit(): void {
    const server = this.host.httpAdapter.getInstance<FastifyInstance>();
    // Not when the answer is out: of a buyer who has hung up it never is, and he may hold units.
    server.addHook('onSend', (request, reply, payload, done) => {
      if (request.routeOptions.url === buyingRoute && request.method === 'POST') {
        this.record(request, reply);
      }
      done(null, payload);
    });
  }

  private record(request: FastifyRequest, reply: FastifyReply): void {
    const { problemCode, identity } = request;
    const outcome = problemCode ?? outcomeOfStatus[reply.statusCode] ?? 'INTERNAL_ERROR';
    this.metrics.purchaseRequestsTotal.inc({ outcome: outcome.toLowerCase() });
    const { saleId = '' } = request.params as { saleId?: string };
    // Sales that are not live would be keys that anybody can make up.
    const sale = this.catalog.peek(saleId);
    if (sale === undefined || sale.segmentOf !== undefined) return;
    if (problemCode) this.counts.add(saleId, problemCode);
    if (identity) {
      this.timeline.record({ saleId, userId: identity.userId, atMs: this.clock.now(), outcome,
        available: this.gate.lastAvailable(saleId), ...boughtBy(request, reply) });
    }
  }
}

/** Units asked for, where so many can be, and the order that came of them, as far as the request got. */
function boughtBy(request: FastifyRequest, reply: FastifyReply) {
  const location = reply.getHeader('location');
  return {
    // What nobody can ask for would be an entry of its own for each request.
    ...(request.body !== undefined && purchaseBody.safeParse(request.body).data),
    ...(typeof location === 'string' && { rid: location.slice(orderPath.length) }),
  };
}

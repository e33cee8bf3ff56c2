import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Authenticator, type Identity } from '../../auth';
import { answerProblem, clientIpOf, deviceIdOf, toProblem } from '../../infra/http';
import { ServerClock } from '../../infra/redis';
import type { ProblemError } from '../../kernel';
import { Blacklist } from '../../risk';
import { SaleCatalog, stockIdOf, type Sale } from '../../sale';
import { Lots, shed, Throttle } from '../../throttle';
import { blacklisted } from './blacklisted';
import { OverloadLayer } from './overload.layer';
import { SaleStateLayer, tooEarly } from './sale-state.layer';

export const buyingRoute = '/v1/sales/:saleId/orders';

/**
 * The first layers of the funnel, those that memory alone can decide: sale state, authentication,
 * blacklist, the early shedding of a rush, blocks that the throttle remembers, and overload. They
 * come before the body is read and before Nest: a flood of refusals costs no Redis call and hardly
 * more than the parsing of its requests. Whatever memory cannot know passes on.
 */
@Injectable()
export class FrontGate implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly catalog: SaleCatalog,
    private readonly clock: ServerClock,
    private readonly authenticator: Authenticator,
    private readonly blacklist: Blacklist,
    private readonly throttle: Throttle,
    private readonly lots: Lots,
    private readonly saleState: SaleStateLayer,
    private readonly overload: OverloadLayer,
  ) {}

  onModuleInit(): void {
    const server = this.host.httpAdapter.getInstance<FastifyInstance>();
    server.addHook('onRequest', (request, reply, done) => {
      if (request.routeOptions.url !== buyingRoute || request.method !== 'POST') done();
      else this.judge(request, reply, done);
    });
  }

  private judge(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const sale = this.catalog.peek(saleIdOf(request));
    const onward = (identity: Identity) => {
      request.identity = identity;
      const problem = this.refuse(request, identity, sale);
      if (problem) answerProblem(problem, request, reply);
      else done();
    };
    try {
      const identity = this.authenticator.identify(request.headers.authorization);
      if (!(identity instanceof Promise)) onward(identity);
      else identity.then(onward).catch((error: unknown) => { this.fail(error, request, reply); });
    } catch (error) {
      this.fail(error, request, reply, sale);
    }
  }

  /** A sale that this process has not heard of yet is no way round the layers that need none. */
  private refuse(request: FastifyRequest, { userId }: Identity,
    sale: Sale | undefined): ProblemError | undefined {
    const nowMs = this.clock.now();
    const caller = { userId, ip: clientIpOf(request), sale, deviceId: deviceIdOf(request) };
    return (sale && this.saleState.refuse(sale, userId, nowMs)) ?? blacklisted(this.blacklist.find(caller))
      ?? (sale && shed({ userId, sale }, nowMs, this.lots)) ?? this.throttle.blocked(caller)
      ?? this.overload.refuse(request, { userId, saleId: saleIdOf(request),
        stockId: sale ? stockIdOf(sale, userId) : saleIdOf(request),
        needsToken: sale?.protection.saleToken === true }, nowMs);
  }

  private fail(error: unknown, request: FastifyRequest, reply: FastifyReply, sale?: Sale): void {
    const problem = sale && tooEarly(sale, this.clock.now());
    answerProblem(problem ?? toProblem(error), request, reply);
  }
}

function saleIdOf({ params }: FastifyRequest): string {
  const { saleId = '' } = params as { saleId?: string };
  return saleId;
}

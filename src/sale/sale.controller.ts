import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Describe, PathId, Public } from '../infra/http';
import { ShedWhenBusy } from '../infra/overload';
import { ServerClock } from '../infra/redis';
import { ProblemError } from '../kernel';
import { Availability } from './availability';
import { cacheableAnswer } from './cacheable-answer';
import type { Sale } from './sale';
import { SaleCatalog } from './sale-catalog';
import { saleList, saleView, viewForBuyers } from './sale-view';

const salesAtMost = 100;

const caching = {
  headers: { 'If-None-Match': 'The ETag of an answer that you have: 304 when it is still right; under '
    + 'overload now and then the whole answer all the same.' },
  notModified: { description: 'What you have is still right.' },
  answerHeaders: {
    'ETag': 'Strong: changes with every byte of the body.',
    'Cache-Control': '`public, max-age=1`',
  },
};

@Controller()
@Public()
export class SaleController {
  constructor(
    private readonly catalog: SaleCatalog,
    private readonly availability: Availability,
    private readonly clock: ServerClock,
  ) {}

  @Get('v1/sales')
  @ShedWhenBusy()
  @Describe({
    summary: 'What is on sale, now and next',
    description: 'The sales that are not over, the first to open first; then those just over. '
      + `At most ${salesAtMost}.`,
    tag: 'sales',
    headers: caching.headers,
    answers: {
      200: { description: 'The sales.', schema: saleList, headers: caching.answerHeaders },
      304: caching.notModified,
    },
  })
  async list(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    const nowMs = this.clock.now();
    const sales = nextFirst(this.catalog.liveOffers(), nowMs).slice(0, salesAtMost);
    const available = await this.availability.of(sales);
    const items = sales.flatMap((sale) =>
      viewForBuyers(sale, nowMs, available.get(sale.id)) ?? []);
    return cacheableAnswer(request, reply, { items });
  }

  @Get('v1/sales/:saleId')
  @ShedWhenBusy()
  @Describe({
    summary: 'One sale: its price, its times, how many units are left',
    tag: 'sales',
    headers: caching.headers,
    answers: {
      200: { description: 'The sale.', schema: saleView, headers: caching.answerHeaders },
      304: caching.notModified,
    },
    problems: ['NOT_FOUND'],
  })
  async read(
    @PathId('saleId') saleId: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const sale = await this.catalog.findOffer(saleId);
    const available = (await this.availability.of(sale ? [sale] : [])).get(saleId);
    const view = sale && viewForBuyers(sale, this.clock.now(), available);
    if (view === undefined) throw new ProblemError('NOT_FOUND', 'There is no such sale.');
    return cacheableAnswer(request, reply, view);
  }
}

/** Not over before over; then the first to open, of those over the last to close. */
function nextFirst(sales: readonly Sale[], nowMs: number): Sale[] {
  const isOver = (sale: Sale) => sale.status === 'closed' || sale.closesAtMs <= nowMs;
  const over = sales.filter(isOver).sort((a, b) => b.closesAtMs - a.closesAtMs);
  return [...sales.filter((sale) => !isOver(sale)), ...over];
}

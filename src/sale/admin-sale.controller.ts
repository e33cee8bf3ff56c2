import { Controller, Get, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentUser, Roles, type Identity } from '../auth';
import { APP_CONFIG, type AppConfig } from '../config';
import { originOf } from '../infra/audit';
import {
  cursorParameter, Describe, pageOf, PathId, pageSchema, ValidBody, ValidQuery,
  type RouteDescription,
} from '../infra/http';
import { ServerClock } from '../infra/redis';
import { ProblemError } from '../kernel';
import { Availability } from './availability';
import { newSaleBody } from './new-sale';
import type { Sale } from './sale';
import { SaleLife } from './sale-life';
import { SaleStore } from './sale-store';
import { operatorSaleView, viewForOperators, type OperatorSaleView } from './sale-view';

const saleQuery = z.strictObject({ cursor: cursorParameter });
const salePage = pageSchema(operatorSaleView).meta({ id: 'OperatorSalePage' });

/** Pause, resume and close differ in their words only. */
const decision = (summary: string, description: string): RouteDescription => ({
  summary,
  description: `${description} Asked again, the answer is the same. 503 TEMPORARILY_UNAVAILABLE: `
    + 'the decision is recorded, and comes into force as soon as the stock can be reached.',
  tag: 'operators',
  answers: { 200: { description: 'The decision is in force.', schema: operatorSaleView } },
  problems: ['NOT_FOUND', 'SALE_STATE_CONFLICT'],
});

@Controller()
@Roles('admin')
export class AdminSaleController {
  constructor(
    private readonly life: SaleLife,
    private readonly store: SaleStore,
    private readonly availability: Availability,
    private readonly clock: ServerClock,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  @Post('admin/v1/sales')
  @Describe({
    summary: 'Create a sale',
    description: 'It is a draft until it is preloaded; buyers do not see drafts.',
    tag: 'operators',
    answers: { 201: { description: 'The draft.', schema: operatorSaleView } },
  })
  async create(
    @ValidBody(newSaleBody) body: z.output<typeof newSaleBody>,
    @CurrentUser() { userId }: Identity,
    @Req() request: FastifyRequest,
  ): Promise<OperatorSaleView> {
    const { opensAt, closesAt, payWindowSeconds = this.config.payWindowSeconds, ...rest } = body;
    const sale = await this.life.createSale(
      { ...rest, opensAtMs: opensAt, closesAtMs: closesAt, payWindowSeconds },
      originOf(userId, request));
    return this.view(sale);
  }

  @Get('admin/v1/sales')
  @Describe({
    summary: 'All sales in every state, newest first',
    tag: 'operators',
    answers: { 200: { description: 'A page of sales.', schema: salePage } },
  })
  async list(
    @ValidQuery(saleQuery) { cursor }: z.output<typeof saleQuery>,
  ): Promise<z.infer<typeof salePage>> {
    const { items, nextCursor } = pageOf(await this.store.list(cursor),
      ({ createdAtMs, id }) => ({ atMs: createdAtMs, id }));
    const available = await this.availability.of(items);
    const nowMs = this.clock.now();
    return {
      items: items.map((sale) => viewForOperators(sale, nowMs, available.get(sale.id))), nextCursor,
    };
  }

  @Get('admin/v1/sales/:saleId')
  @Describe({
    summary: 'One sale, in any state',
    tag: 'operators',
    answers: { 200: { description: 'The sale.', schema: operatorSaleView } },
    problems: ['NOT_FOUND'],
  })
  async read(@PathId('saleId') saleId: string): Promise<OperatorSaleView> {
    const sale = await this.store.find(saleId);
    if (sale === undefined) throw new ProblemError('NOT_FOUND', 'There is no such sale.');
    return this.view(sale);
  }

  @Post('admin/v1/sales/:saleId/pause')
  @HttpCode(200)
  @Describe(decision('Pause a sale', 'Nobody can buy until it is resumed; orders can be paid.'))
  async pause(
    @PathId('saleId') saleId: string,
    @CurrentUser() { userId }: Identity,
    @Req() request: FastifyRequest,
  ): Promise<OperatorSaleView> {
    return this.view(await this.life.pause(saleId, originOf(userId, request)));
  }

  @Post('admin/v1/sales/:saleId/resume')
  @HttpCode(200)
  @Describe(decision('Resume a paused sale', 'A closed sale cannot be resumed.'))
  async resume(
    @PathId('saleId') saleId: string,
    @CurrentUser() { userId }: Identity,
    @Req() request: FastifyRequest,
  ): Promise<OperatorSaleView> {
    return this.view(await this.life.resume(saleId, originOf(userId, request)));
  }

  @Post('admin/v1/sales/:saleId/close')
  @HttpCode(200)
  @Describe(decision('Close a sale for good', 'Nobody can buy any more; orders can be paid.'))
  async close(
    @PathId('saleId') saleId: string,
    @CurrentUser() { userId }: Identity,
    @Req() request: FastifyRequest,
  ): Promise<OperatorSaleView> {
    return this.view(await this.life.close(saleId, originOf(userId, request)));
  }

  private async view(sale: Sale): Promise<OperatorSaleView> {
    const available = (await this.availability.of([sale])).get(sale.id);
    return viewForOperators(sale, this.clock.now(), available);
  }
}

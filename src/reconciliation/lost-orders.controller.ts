import { Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentUser, Roles, type Identity } from '../auth';
import { originOf } from '../infra/audit';
import { Describe, PathId, ValidBody } from '../infra/http';
import { orderStatusSchema } from '../order';
import { LossDecisions } from './loss-decisions';

const lostOrder = z.object({
  orderId: z.string(), userId: z.string(), quantity: z.int(),
  was: orderStatusSchema.meta({ description: 'As Redis remembers it' }),
  is: orderStatusSchema.nullable().meta({ description: 'As the database has it; null: not at all' }),
}).meta({ id: 'LostOrder', examples: [{ orderId: 'a70a1b2c3d4e5f6g7h8j9k', userId: 'alice',
  quantity: 1, was: 'paid', is: null }] });

const lossDecision = z.strictObject({
  decision: z.enum(['write_again', 'forget']).meta({ description: 'write_again: the database takes '
    + 'the orders back as Redis remembers them; forget: their units are on sale again' }),
}).meta({ id: 'LossDecision', examples: [{ decision: 'write_again' }] });

const lossDecided = z.object({
  saleId: z.string(), decision: z.enum(['write_again', 'forget']), lost: z.int(),
  writtenAgain: z.int(),
}).meta({ id: 'LossDecided', examples: [{ saleId: 'sale_0a1b2c3d4e5f6g7h8j9k',
  decision: 'write_again', lost: 3, writtenAgain: 3 }] });

/** A database that came back older than Redis: which orders it lost, and what becomes of them. */
@Controller()
@Roles('admin')
export class LostOrdersController {
  constructor(private readonly decisions: LossDecisions) {}

  @Get('admin/v1/sales/:saleId/lost-orders')
  @Describe({ summary: 'Orders that Redis remembers and the database lost, at most 500',
    tag: 'stock', answers: { 200: { description: 'None, as a rule.',
      schema: z.object({ items: z.array(lostOrder) }) } },
    problems: ['NOT_FOUND', 'SALE_STATE_CONFLICT'] })
  async list(@PathId('saleId') saleId: string) {
    const lost = await this.decisions.list(saleId);
    return { items: lost.map(({ record, row }) => ({ orderId: record.rid, userId: record.userId,
      quantity: record.quantity, was: record.status, is: row ?? null })) };
  }

  @Post('admin/v1/sales/:saleId/lost-orders')
  @HttpCode(200)
  @Describe({ summary: 'Decide what becomes of lost orders, and open the sale again', tag: 'stock',
    answers: { 200: { description: 'The sale is loaded.', schema: lossDecided } },
    problems: ['NOT_FOUND', 'SALE_STATE_CONFLICT'] })
  decide(@PathId('saleId') saleId: string,
    @ValidBody(lossDecision) { decision }: z.infer<typeof lossDecision>,
    @CurrentUser() { userId }: Identity, @Req() request: FastifyRequest,
  ): Promise<z.infer<typeof lossDecided>> {
    return this.decisions.decide(saleId, decision, originOf(userId, request));
  }
}

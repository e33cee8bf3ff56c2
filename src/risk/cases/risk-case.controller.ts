import { Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentUser, Roles, type Identity } from '../../auth';
import { originOf } from '../../infra/audit';
import { Describe, pageOf, PathId, ValidBody, ValidQuery } from '../../infra/http';
import { ProblemError } from '../../kernel';
import { OrderStore } from '../../order';
import { RiskCaseReview } from './risk-case-review';
import { RiskCaseStore } from './risk-case-store';
import { caseQuery, decidedCase, decisionBody, reviewedCase, riskCasePage, viewOfCase, viewOfOrder }
  from './risk-case.schemas';

@Controller()
@Roles('admin', 'risk')
export class RiskCaseController {
  constructor(
    private readonly store: RiskCaseStore,
    private readonly review: RiskCaseReview,
    private readonly orders: OrderStore,
  ) {}

  @Get('admin/v1/risk/cases')
  @Describe({ summary: 'Buyers under review, newest first', tag: 'risk',
    answers: { 200: { description: 'A page of cases.', schema: riskCasePage } } })
  async list(
    @ValidQuery(caseQuery) { cursor, status }: z.output<typeof caseQuery>,
  ): Promise<z.infer<typeof riskCasePage>> {
    const { items, nextCursor } = pageOf(await this.store.list(cursor, status),
      ({ openedAtMs, id }) => ({ atMs: openedAtMs, id }));
    return { items: items.map(viewOfCase), nextCursor };
  }

  @Get('admin/v1/risk/cases/:caseId')
  @Describe({ summary: 'One case with the history of its user', tag: 'risk',
    description: 'The evidence at the time, what the user ordered in every sale, and his earlier '
      + 'cases. What happened to each of his requests: the timeline of a sale.',
    answers: { 200: { description: 'The case.', schema: reviewedCase } }, problems: ['NOT_FOUND'] })
  async read(@PathId('caseId') caseId: string): Promise<z.infer<typeof reviewedCase>> {
    const riskCase = await this.store.find(caseId);
    if (!riskCase) throw new ProblemError('NOT_FOUND', 'There is no such case.');
    const orders = await this.orders.ofUser(riskCase.userId);
    const cases = await this.store.ofUser(riskCase.userId);
    return {
      ...viewOfCase(riskCase),
      orders: orders.map(viewOfOrder),
      earlierCases: cases.filter(({ id, openedAtMs }) =>
        id !== caseId && openedAtMs <= riskCase.openedAtMs).map(viewOfCase),
    };
  }

  @Post('admin/v1/risk/cases/:caseId/decision')
  @HttpCode(200)
  @Describe({ summary: 'Dismiss a case or ban its user', tag: 'risk',
    description: 'dismiss: the user may buy again, and his frozen orders are thawed where units can '
      + 'be had; the others are cancelled. ban: the user is excluded for ever and his frozen orders '
      + 'are cancelled. The same decision again completes it.',
    answers: { 200: { description: 'The decided case and its orders.', schema: decidedCase } },
    problems: ['NOT_FOUND', 'CASE_STATE_CONFLICT'] })
  async decide(
    @PathId('caseId') caseId: string,
    @ValidBody(decisionBody) { decision, note }: z.infer<typeof decisionBody>,
    @CurrentUser() { userId }: Identity,
    @Req() request: FastifyRequest,
  ): Promise<z.infer<typeof decidedCase>> {
    const { riskCase, orders } = await this.review.decide(caseId, decision, note,
      originOf(userId, request));
    return { ...viewOfCase(riskCase), thawed: orders.thawed.map(viewOfOrder),
      cancelled: orders.cancelled.map(viewOfOrder) };
  }
}

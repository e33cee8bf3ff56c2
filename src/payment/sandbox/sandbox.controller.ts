import { Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Public } from '../../auth';
import { Describe, PathId, type RouteDescription } from '../../infra/http';
import { ProblemError } from '../../kernel';
import { paymentPage, paymentPageHeaders } from './payment-page';
import { SandboxProvider, type SandboxPayment } from './sandbox-provider';

const sandboxPayment = z.object({
  status: z.enum(['open', 'succeeded', 'failed', 'refunded']),
}).meta({ id: 'SandboxPayment', examples: [{ status: 'succeeded' }] });

function button(summary: string): RouteDescription {
  return {
    summary,
    tag: 'demo',
    answers: { 200: { description: 'As it is there; again, no change.', schema: sandboxPayment } },
    problems: ['NOT_FOUND'],
  };
}

/** The checkout page of the sandbox: whoever has the link decides how the payment ends. */
@Controller()
@Public()
export class SandboxController {
  constructor(private readonly provider: SandboxProvider) {}

  @Get('demo/pay/:paymentId')
  @Describe({
    summary: 'The checkout page of the sandbox',
    tag: 'demo',
    answers: { 200: { description: 'A page.', otherContent: { 'text/html': z.string() } } },
    problems: ['NOT_FOUND'],
  })
  async page(
    @PathId('paymentId') paymentId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const page = paymentPage(await this.find(paymentId));
    void reply.headers(paymentPageHeaders);
    return page;
  }

  @Post('demo/pay/:paymentId/pay')
  @HttpCode(200)
  @Describe(button('Pay at the sandbox'))
  async pay(@PathId('paymentId') paymentId: string): Promise<z.infer<typeof sandboxPayment>> {
    await this.provider.decide(paymentId, 'succeeded');
    return this.statusOf(paymentId);
  }

  @Post('demo/pay/:paymentId/fail')
  @HttpCode(200)
  @Describe(button('Let the payment fail at the sandbox'))
  async fail(@PathId('paymentId') paymentId: string): Promise<z.infer<typeof sandboxPayment>> {
    await this.provider.decide(paymentId, 'failed');
    return this.statusOf(paymentId);
  }

  @Post('demo/pay/:paymentId/pay-late')
  @HttpCode(200)
  @Describe(button('Pay at the sandbox once the time to pay is over'))
  async payLate(@PathId('paymentId') paymentId: string): Promise<z.infer<typeof sandboxPayment>> {
    await this.provider.promiseLate(paymentId);
    return this.statusOf(paymentId);
  }

  private async statusOf(paymentId: string): Promise<z.infer<typeof sandboxPayment>> {
    const { status } = await this.find(paymentId);
    return { status };
  }

  private async find(paymentId: string): Promise<SandboxPayment> {
    const payment = await this.provider.find(paymentId);
    if (!payment) throw new ProblemError('NOT_FOUND', 'There is no such payment.');
    return payment;
  }
}

import { Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { CurrentUser, type Identity } from '../auth';
import { clientIpOf, Describe, PathId, traceIdOf } from '../infra/http';
import { ProblemError } from '../kernel';
import { OrderLookup } from '../order';
import type { Payment } from './payment';
import { PaymentCheck } from './payment-check';
import { PaymentStarter } from './payment-starter';
import { PaymentStore } from './payment-store';
import { paymentView, viewOf } from './payment.schemas';

type PaymentView = z.infer<typeof paymentView>;

/** How a buyer pays an order. */
@Controller()
export class PaymentController {
  constructor(
    private readonly starter: PaymentStarter,
    private readonly lookup: OrderLookup,
    private readonly store: PaymentStore,
    private readonly payments: PaymentCheck,
  ) {}

  @Post('v1/orders/:orderId/payment')
  @HttpCode(201)
  @Describe({
    summary: 'Start the payment of an order',
    description: 'Again: the same payment. One that failed can be paid again at its `checkoutUrl`.',
    tag: 'payments',
    answers: { 201: { description: 'Send the buyer to `checkoutUrl`.', schema: paymentView } },
    problems: ['NOT_FOUND', 'ORDER_STATE_CONFLICT', 'PAYMENT_TOO_LATE'],
  })
  async start(
    @PathId('orderId') orderId: string,
    @CurrentUser() identity: Identity,
    @Req() request: FastifyRequest,
  ): Promise<PaymentView> {
    const cause = { source: 'payment_start', ip: clientIpOf(request), traceId: traceIdOf(request) };
    return viewOf(await this.starter.start(orderId, identity, cause));
  }

  @Get('v1/orders/:orderId/payment')
  @Describe({
    summary: 'How the payment of an order stands',
    description: 'Late money is found under both orders: its own and the one that it paid instead.',
    tag: 'payments',
    answers: { 200: { description: 'The payment.', schema: paymentView } },
    problems: ['NOT_FOUND'],
  })
  async read(
    @PathId('orderId') orderId: string,
    @CurrentUser() identity: Identity,
  ): Promise<PaymentView> {
    return viewOf(await this.find(orderId, identity));
  }

  @Post('v1/orders/:orderId/payment/check')
  @HttpCode(200)
  @Describe({
    summary: 'Ask the payment provider now',
    description: 'For a buyer who has paid and sees no effect yet, because a message was lost.',
    tag: 'payments',
    answers: { 200: { description: 'The payment as it is now.', schema: paymentView } },
    problems: ['NOT_FOUND'],
  })
  async check(
    @PathId('orderId') orderId: string,
    @CurrentUser() identity: Identity,
    @Req() request: FastifyRequest,
  ): Promise<PaymentView> {
    const cause = { source: 'payment_check', ip: clientIpOf(request), traceId: traceIdOf(request) };
    const { id } = await this.find(orderId, identity);
    return viewOf(await this.payments.check(id, cause));
  }

  private async find(orderId: string, identity: Identity): Promise<Payment> {
    await this.lookup.forReader(orderId, identity);
    const payment = await this.store.ofOrder(orderId);
    if (!payment) throw new ProblemError('NOT_FOUND', 'No payment of this order has been started.');
    return payment;
  }
}

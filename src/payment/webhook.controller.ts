import { Controller, HttpCode, Post, RawBody, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Public } from '../auth';
import { clientIpOf, Describe, traceIdOf, validate, validationFailed } from '../infra/http';
import { ProblemError } from '../kernel';
import { PaymentFacts, type PaymentFact } from './payment-facts';
import { PaymentStore } from './payment-store';
import { webhookAnswer, webhookBody, type webhookTypes } from './payment.schemas';
import { WebhookSignature } from './webhook-signature';

const factOf = {
  'payment.succeeded': 'succeeded',
  'payment.failed': 'failed',
  'refund.succeeded': 'refunded',
} as const satisfies Record<(typeof webhookTypes)[number], PaymentFact>;

/** Where payment providers report. The signature says who it is; what it says is still compared. */
@Controller()
export class WebhookController {
  constructor(
    private readonly signature: WebhookSignature,
    private readonly store: PaymentStore,
    private readonly facts: PaymentFacts,
  ) {}

  @Post('v1/webhooks/payments')
  @Public()
  @HttpCode(200)
  @Describe({
    summary: 'What happened to a payment, told by its provider',
    description: 'Standard Webhooks. Any answer but 200 means: send it again later. A webhook that '
      + 'names another order, amount or currency than ours changes nothing.',
    tag: 'payments',
    headers: {
      'webhook-id': 'The same for every delivery of one event.',
      'webhook-timestamp': 'Unix seconds of this delivery, within five minutes of now.',
      'webhook-signature': '`v1,` and the base64 of the HMAC-SHA256.',
    },
    body: webhookBody,
    answers: { 200: { description: 'It is recorded, now or before.', schema: webhookAnswer } },
    problems: ['UNAUTHENTICATED', 'NOT_FOUND'],
  })
  async receive(
    @RawBody() rawBody: Buffer | undefined,
    @Req() request: FastifyRequest,
  ): Promise<z.infer<typeof webhookAnswer>> {
    const id = this.signature.verify(request.headers, rawBody);
    const { type, data: { paymentId, ...claim } } = validate(webhookBody, request.body);
    const cause = { source: 'payment_webhook', ip: clientIpOf(request),
      traceId: traceIdOf(request) };
    const payment = await this.store.find(paymentId);
    if (!payment) throw new ProblemError('NOT_FOUND', 'There is no such payment.');
    const mismatches = await this.facts.mismatches(payment, claim, factOf[type], cause);
    if (mismatches.length > 0) {
      throw validationFailed(...mismatches.map(({ field }) =>
        ({ path: `data.${field}`, message: 'Not that of the payment' })));
    }
    return { duplicate: !await this.facts.learn(payment, factOf[type], cause, { id, type }) };
  }
}

import { Controller, type OnModuleInit, Post } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { CurrentUser, type Identity } from '../auth';
import { ClientIp, Describe, DeviceId, handleDirectly, IdempotencyKey, PathId, PreferredWaitSeconds,
  ProofHeader, Reply, TraceId, ValidBody } from '../infra/http';
import { orderSchema, type OrderView } from '../order';
import { buyingRoute } from './admission/front-gate';
import { Purchase } from './purchase';

export const purchaseBody = z.strictObject({
  quantity: z.int().min(1).max(1000).meta({ description: 'Units to buy' }),
}).meta({ id: 'PurchaseRequest', examples: [{ quantity: 1 }] });

const statusOf = { accepted: 202, created: 201, known: 200 } as const;

@Controller()
export class PurchaseController implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly purchase: Purchase,
  ) {}

  /** The front gate has asked by then who is buying, which is all that a guard would. */
  onModuleInit(): void {
    handleDirectly(this.host.httpAdapter.getInstance<FastifyInstance>(),
      { method: 'POST', url: buyingRoute }, this, 'place');
  }

  @Post('v1/sales/:saleId/orders')
  @Describe({
    summary: 'Buy units of a sale',
    description: 'Answers as soon as the units are held; the order follows within moments. Send the '
      + 'same Idempotency-Key again after a lost reply, a time-out or 503 '
      + 'TEMPORARILY_UNAVAILABLE: it finds the same order. Where the operator sets DURABILITY to '
      + 'replica, 202 comes once replicas of Redis have the units; where he sets it to commit, '
      + 'every purchase is answered with 201, once the order is stored.',
    tag: 'orders',
    answers: {
      202: { description: 'The units are held for the buyer.', schema: orderSchema,
        headers: { Location: 'The order' } },
      201: { description: 'The order is stored (`Prefer: wait`, or DURABILITY=commit).', schema: orderSchema,
        headers: { Location: 'The order' } },
      200: { description: 'What an earlier request with this key became.', schema: orderSchema,
        headers: { Location: 'The order' } },
    },
    problems: ['NOT_FOUND', 'SOLD_OUT', 'LIMIT_EXCEEDED', 'SALE_NOT_OPEN', 'SALE_CLOSED',
      'SALE_PAUSED', 'IDEMPOTENCY_KEY_REUSED', 'BLACKLISTED', 'RATE_LIMITED', 'SALE_TOKEN_INVALID',
      'RISK_REJECTED', 'CAPTCHA_REQUIRED'],
  })
  async place(
    @PathId('saleId') saleId: string,
    @ValidBody(purchaseBody) { quantity }: z.infer<typeof purchaseBody>,
    @IdempotencyKey() key: string,
    @PreferredWaitSeconds() waitSeconds: number,
    @DeviceId() deviceId: string | undefined,
    @ProofHeader('X-Sale-Token') saleToken: string | undefined,
    @ProofHeader('X-Captcha-Token') captchaToken: string | undefined,
    @CurrentUser() buyer: Identity,
    @ClientIp() ip: string,
    @TraceId() traceId: string,
    @Reply() reply: FastifyReply,
  ): Promise<OrderView> {
    const { kind, order } = await this.purchase.place({ saleId, buyer, quantity, key, waitSeconds, ip,
      traceId, deviceId, saleToken, captchaToken, hasLeft: () => reply.raw.destroyed });
    void reply.status(statusOf[kind]).header('location', `/v1/orders/${order.id}`);
    return order;
  }
}

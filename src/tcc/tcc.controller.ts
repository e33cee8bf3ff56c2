import { Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { CurrentUser, Roles, type Identity } from '../auth';
import { clientIpOf, Describe, IdempotencyKey, PathId, traceIdOf, ValidBody } from '../infra/http';
import type { Cause } from '../order';
import { Decisions } from './decisions';
import { Reservations } from './reservations';
import { reservationView, tryBody, viewOf, type ReservationView } from './tcc.schemas';
import { Tries } from './tries';

const tag = 'tcc';
const byKey = "For a caller that does not know what came of its Try: send the Try's body and "
  + 'Idempotency-Key again. ';

/** Try, confirm and cancel of units for the users of a shop, by the shop's own order service. */
@Controller()
@Roles('service')
export class TccController {
  constructor(
    private readonly reservations: Reservations,
    private readonly tries: Tries,
    private readonly decisions: Decisions,
  ) {}

  @Post('tcc/v1/sales/:saleId/try')
  @HttpCode(201)
  @Describe({
    summary: "Reserve units for one of the shop's users",
    description: 'Answered when the reservation is committed. After a lost answer or a 503 send the '
      + 'same request again: a key means one reservation of one user in one sale. The time limit is '
      + 'that of the first request.',
    tag,
    answers: { 201: { description: 'It is tried, or already confirmed.', schema: reservationView } },
    problems: ['NOT_FOUND', 'SOLD_OUT', 'LIMIT_EXCEEDED', 'SALE_NOT_OPEN', 'SALE_CLOSED',
      'SALE_PAUSED', 'IDEMPOTENCY_KEY_REUSED', 'ORDER_STATE_CONFLICT'],
  })
  async try(
    @PathId('saleId') saleId: string,
    @ValidBody(tryBody) { timeLimitSeconds, ...body }: z.infer<typeof tryBody>,
    @IdempotencyKey() key: string,
    @CurrentUser() service: Identity,
    @Req() request: FastifyRequest,
  ): Promise<ReservationView> {
    const attempt = await this.reservations.named(service.userId, saleId, key, body);
    const order = await this.tries.place(attempt, causeOf(request), timeLimitSeconds);
    return viewOf({ kind: 'row', order });
  }

  @Post('tcc/v1/sales/:saleId/confirm')
  @HttpCode(200)
  @Describe({ summary: 'Confirm what was tried with this key', description: byKey, tag,
    answers: { 200: { description: 'It is confirmed; again, the same.', schema: reservationView } },
    problems: ['NOT_FOUND', 'IDEMPOTENCY_KEY_REUSED', 'PAYMENT_TOO_LATE', 'ORDER_STATE_CONFLICT'] })
  async confirmByKey(
    @PathId('saleId') saleId: string,
    @ValidBody(tryBody) body: z.infer<typeof tryBody>,
    @IdempotencyKey() key: string,
    @CurrentUser() service: Identity,
  ): Promise<ReservationView> {
    const attempt = await this.reservations.named(service.userId, saleId, key, body);
    const order = await this.decisions.confirm(await this.reservations.of(attempt));
    return viewOf({ kind: 'row', order });
  }

  @Post('tcc/v1/sales/:saleId/cancel')
  @HttpCode(200)
  @Describe({ summary: 'Cancel what was tried with this key, or may still be', tag,
    description: `${byKey}A Try that comes later, or is on its way, holds nothing.`,
    answers: { 200: { description: 'It holds no units and never will.', schema: reservationView } },
    problems: ['NOT_FOUND', 'IDEMPOTENCY_KEY_REUSED', 'ORDER_STATE_CONFLICT'] })
  async cancelByKey(
    @PathId('saleId') saleId: string,
    @ValidBody(tryBody) body: z.infer<typeof tryBody>,
    @IdempotencyKey() key: string,
    @CurrentUser() service: Identity,
    @Req() request: FastifyRequest,
  ): Promise<ReservationView> {
    const attempt = await this.reservations.named(service.userId, saleId, key, body);
    const order = await this.decisions.cancelAttempt(attempt, causeOf(request));
    return viewOf({ kind: 'row', order });
  }

  @Get('tcc/v1/reservations/:id')
  @Describe({ summary: 'How a reservation stands', tag,
    description: 'For the service that made it; to every other it does not exist.',
    answers: { 200: { description: 'The reservation.', schema: reservationView } },
    problems: ['NOT_FOUND'] })
  async get(@PathId('id') id: string,
    @CurrentUser() { userId: service }: Identity): Promise<ReservationView> {
    return viewOf(await this.reservations.byId(service, id));
  }

  @Post('tcc/v1/reservations/:id/confirm')
  @HttpCode(200)
  @Describe({ summary: "Confirm a reservation: its units are the user's for good", tag,
    description: 'The shop takes the money; nothing is charged here.',
    answers: { 200: { description: 'It is confirmed; again, the same.', schema: reservationView } },
    problems: ['NOT_FOUND', 'PAYMENT_TOO_LATE', 'ORDER_STATE_CONFLICT'] })
  async confirm(@PathId('id') id: string,
    @CurrentUser() { userId: service }: Identity): Promise<ReservationView> {
    const order = await this.decisions.confirm(await this.reservations.byId(service, id));
    return viewOf({ kind: 'row', order });
  }

  @Post('tcc/v1/reservations/:id/cancel')
  @HttpCode(200)
  @Describe({ summary: 'Cancel a reservation: its units are back on sale', tag,
    description: 'What has expired or was rejected holds no units: then `status` says so.',
    answers: { 200: { description: 'It holds no units; again, the same.', schema: reservationView } },
    problems: ['NOT_FOUND', 'ORDER_STATE_CONFLICT'] })
  async cancel(
    @PathId('id') id: string,
    @CurrentUser() { userId: service }: Identity,
    @Req() request: FastifyRequest,
  ): Promise<ReservationView> {
    const known = await this.reservations.byId(service, id);
    return viewOf({ kind: 'row', order: await this.decisions.cancel(known, causeOf(request)) });
  }
}

function causeOf(request: FastifyRequest): Cause {
  return { source: 'tcc', ip: clientIpOf(request), traceId: traceIdOf(request) };
}

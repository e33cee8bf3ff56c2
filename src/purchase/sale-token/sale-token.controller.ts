import { Controller, Post, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentUser, type Identity } from '../../auth';
import { clientIpOf, Describe, DeviceId, PathId } from '../../infra/http';
import { ServerClock } from '../../infra/redis';
import { ProblemError } from '../../kernel';
import { Blacklist } from '../../risk';
import { SaleCatalog, stateOf } from '../../sale';
import { blacklisted } from '../admission/blacklisted';
import { refusal } from '../../stock';
import { SaleTokenThrottleGuard } from './sale-token-throttle.guard';
import { SaleTokens } from './sale-tokens';

const saleTokenView = z.object({
  token: z.string().meta({ description: 'Send it as `X-Sale-Token`' }),
  expiresAt: z.iso.datetime({ precision: 3 }),
}).meta({
  id: 'SaleToken',
  examples: [{
    token: 'AZxGh2o4Yk0Zr3b8s1kV5g7cQm2w9xT4yUj6pLdE0a', expiresAt: '2026-01-31T12:00:00.000Z',
  }],
});

@Controller()
export class SaleTokenController {
  constructor(
    private readonly catalog: SaleCatalog,
    private readonly tokens: SaleTokens,
    private readonly clock: ServerClock,
    private readonly blacklist: Blacklist,
  ) {}

  @Post('v1/sales/:saleId/tokens')
  @UseGuards(SaleTokenThrottleGuard)
  @Describe({
    summary: 'Get a sale token before the sale opens',
    description: 'A sale that asks for tokens sells only to their holders. A token is bound to the '
      + 'user and the sale and buys once; for a second order ask for a second one.',
    tag: 'orders',
    answers: { 201: { description: 'The token.', schema: saleTokenView } },
    problems: ['NOT_FOUND', 'BLACKLISTED', 'SALE_CLOSED', 'RATE_LIMITED'],
  })
  async issue(
    @PathId('saleId') saleId: string,
    @DeviceId() deviceId: string | undefined,
    @CurrentUser() { userId }: Identity,
    @Req() request: FastifyRequest,
  ): Promise<z.infer<typeof saleTokenView>> {
    const ip = clientIpOf(request);
    const excluded = blacklisted(this.blacklist.find({ userId, ip, deviceId }));
    if (excluded) throw excluded;
    const sale = await this.catalog.findOffer(saleId);
    if (!sale || sale.status === 'draft') {
      throw new ProblemError('NOT_FOUND', 'There is no such sale.');
    }
    if (stateOf(sale, this.clock.now(), undefined) === 'closed') throw refusal('SALE_CLOSED', sale);
    const { token, expiresAtMs } = this.tokens.issue(userId, sale);
    return { token, expiresAt: new Date(expiresAtMs).toISOString() };
  }
}

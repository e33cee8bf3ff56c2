import { Controller, HttpCode, Post, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { CurrentUser, type Identity } from '../auth';
import { clientIpOf, Describe, DeviceId, PathId, ValidBody } from '../infra/http';
import { Overload } from '../infra/overload';
import { ProblemError } from '../kernel';
import { SaleCatalog } from '../sale';
import { BuyerThrottleGuard } from '../throttle';
import { answerBody, challengeBody, challengeView, tokenView, type ChallengeView }
  from './captcha.schemas';
import { Captchas, type PosedCaptcha } from './captchas';

const retryPicturesAfterSeconds = 3;

const alternative = {
  kind: 'pow',
  hint: 'You cannot read the picture? Ask again with "kind": "pow": then your device solves it, '
    + 'and you need neither see nor hear anything.',
} as const;

/** The door of both kinds of captcha; who tries often is throttled as with buying. */
@Controller()
@UseGuards(BuyerThrottleGuard)
export class CaptchaController {
  constructor(
    private readonly captchas: Captchas,
    private readonly catalog: SaleCatalog,
    private readonly overload: Overload,
  ) {}

  @Post('v1/captcha/challenges')
  @HttpCode(201)
  @Describe({
    summary: 'Ask for a captcha of a sale',
    description: 'Where a purchase was refused with CAPTCHA_REQUIRED, or before it. Of the '
      + 'challenges of one user the latest few stay open. **Accessible without sight or hearing:** '
      + '`pow`, which is the default, asks nothing of a person; a picture names it as its '
      + '`alternative`.',
    tag: 'captcha',
    answers: { 201: { description: 'The challenge.', schema: challengeView } },
    problems: ['NOT_FOUND', 'RATE_LIMITED'],
  })
  async pose(
    @ValidBody(challengeBody) { saleId, kind }: z.output<typeof challengeBody>,
    @CurrentUser() identity: Identity,
    @DeviceId() deviceId: string | undefined,
    @Req() request: FastifyRequest,
  ): Promise<ChallengeView> {
    // From memory alone: a flood of invented sales reaches no server.
    if (!this.catalog.peek(saleId)) {
      throw new ProblemError('NOT_FOUND', 'There is no such sale to buy from.');
    }
    // To draw one takes a millisecond, in which nobody else is served; work of the device is given out still.
    if (kind === 'image' && this.overload.level === 2) {
      throw this.overload.refuse('picture', retryPicturesAfterSeconds);
    }
    return viewOf(await this.captchas.pose(kind, saleId,
      { identity, ip: clientIpOf(request), deviceId }));
  }

  @Post('v1/captcha/challenges/:challengeId/answer')
  @HttpCode(200)
  @Describe({
    summary: 'Answer a captcha',
    description: 'Once: right or wrong, the challenge is used up. CAPTCHA_FAILED does not tell a '
      + 'wrong answer from a challenge that is used, expired, unknown or somebody else’s.',
    tag: 'captcha',
    answers: { 200: { description: 'Solved.', schema: tokenView } },
    problems: ['CAPTCHA_FAILED', 'RATE_LIMITED'],
  })
  async answer(
    @PathId('challengeId') challengeId: string,
    @ValidBody(answerBody) { answer }: z.output<typeof answerBody>,
    @CurrentUser() { userId }: Identity,
  ): Promise<z.infer<typeof tokenView>> {
    const solved = await this.captchas.answer(challengeId, userId, answer);
    if (!solved) {
      throw new ProblemError('CAPTCHA_FAILED',
        'That was not it, or too late. Ask for a new one: POST /v1/captcha/challenges.');
    }
    return { captchaToken: solved.token, expiresAt: new Date(solved.expiresAtMs).toISOString() };
  }
}

function viewOf({ expiresAtMs, ...posed }: PosedCaptcha): ChallengeView {
  const expiresAt = new Date(expiresAtMs).toISOString();
  return posed.kind === 'image' ? { ...posed, expiresAt, alternative } : { ...posed, expiresAt };
}

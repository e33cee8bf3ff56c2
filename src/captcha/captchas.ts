import { Injectable } from '@nestjs/common';
import { ServerClock } from '../infra/redis';
import { assertUnreachable, newId } from '../kernel';
import { RiskScores, type RiskSubject } from '../risk';
import { CaptchaTokens } from './captcha-tokens';
import type { AltchaChallenge, CaptchaKind } from './captcha.schemas';
import { ImageCaptcha } from './image-captcha';
import { OpenChallenges, type Riddle } from './open-challenges';
import { PowCaptcha } from './pow-captcha';

/** Time to answer: for a person who reads, and for a slow device that also does other things. */
const lifetimeMs = { image: 2 * 60_000, pow: 5 * 60_000 } as const satisfies
  Record<CaptchaKind, number>;

/** A challenge as its user sees it. `image` is a data URL. */
export type PosedCaptcha = { id: string; expiresAtMs: number } & (
  { kind: 'image'; image: string } | { kind: 'pow'; challenge: AltchaChallenge });

/** Poses challenges and judges answers: one try each, for a token. */
@Injectable()
export class Captchas {
  constructor(
    private readonly imageCaptcha: ImageCaptcha,
    private readonly powCaptcha: PowCaptcha,
    private readonly open: OpenChallenges,
    private readonly tokens: CaptchaTokens,
    private readonly scores: RiskScores,
    private readonly clock: ServerClock,
  ) {}

  /** A new challenge for a user and a sale; work is the harder, the riskier the user seems. */
  async pose(kind: CaptchaKind, saleId: string, subject: RiskSubject): Promise<PosedCaptcha> {
    const id = newId('captcha');
    const expiresAtMs = this.clock.now() + lifetimeMs[kind];
    const { proof, ...posed } = kind === 'image'
      ? { kind, ...this.imageCaptcha.pose(id) }
      : { kind, ...await this.powCaptcha.pose(expiresAtMs, await this.scores.scoreOf(subject)) };
    await this.open.add(subject.identity.userId, id, { kind, saleId, proof }, expiresAtMs);
    return { id, expiresAtMs, ...posed };
  }

  /**
   * A token for the one right answer; undefined when it is wrong, or the challenge is not this
   * user's, was answered before or has expired. Right or wrong, the challenge is used up.
   */
  async answer(id: string, userId: string,
    answer: string): Promise<{ token: string; expiresAtMs: number } | undefined> {
    const riddle = await this.open.take(userId, id);
    if (!riddle || !await this.isSolved(id, riddle, answer)) return undefined;
    return this.tokens.issue({ userId, saleId: riddle.saleId });
  }

  private async isSolved(id: string, { kind, proof }: Riddle, answer: string): Promise<boolean> {
    switch (kind) {
      case 'image': return this.imageCaptcha.isSolved(id, proof, answer);
      case 'pow': return this.powCaptcha.isSolved(proof, answer);
      default: return assertUnreachable(kind);
    }
  }
}

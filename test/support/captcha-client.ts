import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import { solveChallenge } from 'altcha-lib';
import { ImageCaptcha } from '../../src/captcha/image-captcha';
import type { AltchaChallenge } from '../../src/captcha/captcha.schemas';
import { OpenChallenges } from '../../src/captcha/open-challenges';
import { ServerClock } from '../../src/infra/redis';
import { newId } from '../../src/kernel';
import type { Caller } from './client';
import type { TestProduct } from './product';

export interface PosedPow { id: string; kind: 'pow'; expiresAt: string; challenge: AltchaChallenge }
export interface PosedImage { id: string; kind: 'image'; expiresAt: string; image: string;
  alternative: { kind: 'pow'; hint: string } }
export interface WidgetAnswer { challenge: AltchaChallenge;
  solution: { counter: number; derivedKey: string } }
export interface Solved { captchaToken: string; expiresAt: string }

/** The text of every picture that `posePicture` poses. */
export const pictureText = 'K3XHP';

/** Asks for captchas and solves them, as the buyers of one product do. */
export class CaptchaClient {
  constructor(private readonly product: TestProduct) {}

  /** Asks for a challenge of the default kind. */
  pose(saleId: string, as: Caller) {
    return this.product.client.call<PosedPow>('POST', '/v1/captcha/challenges',
      { as, body: { saleId } });
  }

  /** Poses a picture whose text is known here. Resolves to its id. */
  async posePicture(saleId: string, userId: string, lifetimeMs = 60_000): Promise<string> {
    const id = newId('captcha');
    const { proof } = this.product.get(ImageCaptcha).pose(id, pictureText);
    await this.product.get(OpenChallenges).add(userId, id, { kind: 'image', saleId, proof },
      this.product.get(ServerClock).now() + lifetimeMs);
    return id;
  }

  answer(id: string, as: string, answer: string) {
    return this.product.client.call<Solved>('POST', `/v1/captcha/challenges/${id}/answer`,
      { as, body: { answer } });
  }
}

/** The answer that the ALTCHA widget would send, by the library's own solver. */
export async function solve(challenge: AltchaChallenge): Promise<string> {
  const solution = await solveChallenge({ challenge, deriveKey });
  return encode({ challenge, solution });
}

export function encode(payload: unknown): string {
  return Buffer.from(JSON.stringify(payload)).toString('base64');
}

export function decode(answer: string): WidgetAnswer {
  return JSON.parse(Buffer.from(answer, 'base64').toString()) as WidgetAnswer;
}

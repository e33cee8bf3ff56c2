import { randomInt, timingSafeEqual } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { createChallenge, verifySolution } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import { z } from 'zod';
import { InstallationSecrets } from '../infra/database';
import { altchaChallenge, type AltchaChallenge } from './captcha.schemas';
import { difficultyOf, iterationsPerTry } from './difficulty';

/** What the ALTCHA v2 widget sends, as JSON in base64. */
const payload = z.object({
  challenge: altchaChallenge,
  solution: z.object({ counter: z.int(), derivedKey: z.string() }),
});

/**
 * A proof of work by ALTCHA v2: the device tries numbers until a derived key begins as it should.
 * The number is drawn here, so that the work has an end; that of a prefix alone would have none.
 */
@Injectable()
export class PowCaptcha implements OnModuleInit {
  private keys = { hmacSignatureSecret: '', hmacKeySignatureSecret: '' };

  constructor(private readonly secrets: InstallationSecrets) {}

  async onModuleInit(): Promise<void> {
    const [signature, key] = await Promise.all([
      this.secrets.key('captcha-pow'), this.secrets.key('captcha-pow-key')]);
    this.keys = {
      hmacSignatureSecret: signature.export().toString('hex'),
      hmacKeySignatureSecret: key.export().toString('hex'),
    };
  }

  /** A new challenge, harder with the risk score (0 to 1), and what tells it from any other. */
  async pose(expiresAtMs: number,
    score: number): Promise<{ challenge: AltchaChallenge; proof: string }> {
    const challenge = altchaChallenge.parse(await createChallenge({
      ...this.keys,
      algorithm: 'PBKDF2/SHA-256',
      cost: iterationsPerTry,
      counter: randomInt(1, difficultyOf(score) + 1),
      deriveKey,
      // Never earlier than what Redis says: there it is decided.
      expiresAt: Math.ceil(expiresAtMs / 1_000),
    }));
    return { challenge, proof: challenge.signature };
  }

  /** True when the answer solves the challenge with this signature; any text may be asked about. */
  async isSolved(proof: string, answer: string): Promise<boolean> {
    const read = payload.safeParse(parseJson(Buffer.from(answer, 'base64').toString()));
    if (!read.success) return false;
    const { challenge, solution } = read.data;
    if (!isSame(challenge.signature, proof)) return false;
    const { verified } = await verifySolution({ ...this.keys, challenge, solution, deriveKey });
    return verified;
  }
}

/** Undefined for what is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

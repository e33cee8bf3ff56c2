import { z } from 'zod';
import { idPattern } from '../kernel';

export const captchaKind = z.enum(['image', 'pow']);
export type CaptchaKind = z.infer<typeof captchaKind>;

/** More than any answer needs; longer ones are no answers. */
const answerLengthAtMost = 16_384;

const timestamp = z.iso.datetime({ precision: 3 });
const hex = z.string().regex(/^[0-9a-f]+$/);
const exampleSale = 'sale_0a1b2c3d4e5f6g7h8j9k';
const exampleId = 'captcha_0a1b2c3d4e5f6g7h8j9k';

/** Source: ALTCHA v2. The signature covers every parameter: none may come along unread. */
export const altchaChallenge = z.strictObject({
  parameters: z.strictObject({
    algorithm: z.string(),
    cost: z.int(),
    expiresAt: z.int().meta({ description: 'Unix seconds' }),
    keyLength: z.int(),
    keyPrefix: hex,
    keySignature: hex,
    nonce: hex,
    salt: hex,
  }),
  signature: hex,
}).meta({ id: 'AltchaChallenge', description: 'What the ALTCHA v2 widget takes as its challenge' });

export type AltchaChallenge = z.infer<typeof altchaChallenge>;

export const challengeBody = z.strictObject({
  saleId: z.string().regex(idPattern),
  kind: captchaKind.default('pow').meta({
    description: 'pow: the device works, nobody needs to see or hear anything; '
      + 'image: a person reads characters from a picture' }),
}).meta({ id: 'CaptchaRequest', examples: [{ saleId: exampleSale, kind: 'pow' }] });

const posed = z.object({ id: z.string(), expiresAt: timestamp });

export const challengeView = z.discriminatedUnion('kind', [
  posed.extend({
    kind: z.literal('image'),
    image: z.string().meta({ description: 'A PNG as a data URL, 240 × 80 pixels' }),
    alternative: z.object({
      kind: z.literal('pow'),
      hint: z.string().meta({ description: 'For people who cannot read the picture' }),
    }),
  }),
  posed.extend({ kind: z.literal('pow'), challenge: altchaChallenge }),
]).meta({ id: 'CaptchaChallenge', examples: [{
  id: exampleId, kind: 'image', expiresAt: '2026-01-31T10:02:00.000Z',
  image: 'data:image/png;base64,iVBORw0KGgo=',
  alternative: { kind: 'pow', hint: 'Ask for the kind pow.' },
}] });

export type ChallengeView = z.infer<typeof challengeView>;

export const answerBody = z.strictObject({
  answer: z.string().min(1).max(answerLengthAtMost).meta({
    description: 'image: the characters, in any case; '
      + 'pow: base64 of the JSON `{challenge, solution}`, as the ALTCHA v2 widget makes it' }),
}).meta({ id: 'CaptchaAnswer', examples: [{ answer: 'k3xhp' }] });

export const tokenView = z.object({
  captchaToken: z.string().meta({ description: 'Send it as `X-Captcha-Token`; it buys once' }),
  expiresAt: timestamp,
}).meta({ id: 'CaptchaToken', examples: [{
  captchaToken: 'AZwA5Qh4mJ1y0m3n2k7d5s8f9g0h1j2k3l4z5x6c7v', expiresAt: '2026-01-31T10:06:00.000Z',
}] });

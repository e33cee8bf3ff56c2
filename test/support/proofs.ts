import { InstallationSecrets } from '../../src/infra/database';
import { ServerClock } from '../../src/infra/redis';
import { issueBoundToken, type TokenBinding } from '../../src/kernel';
import { CaptchaClient, solve } from './captcha-client';
import type { TestProduct } from './product';

export type ProofKind = 'sale token' | 'captcha token';

/** What a buyer must show besides himself: how he gets it, and what he hears without it. */
export const proofs = {
  'sale token': { header: 'x-sale-token', code: 'SALE_TOKEN_INVALID', secret: 'sale-token',
    protection: { saleToken: true } },
  'captcha token': { header: 'x-captcha-token', code: 'CAPTCHA_REQUIRED', secret: 'captcha-token',
    protection: { captcha: 'always' } },
} as const;

/** Gets a proof as a buyer does, over HTTP: a sale token by asking, a captcha token by solving. */
export async function earn(product: TestProduct, kind: ProofKind, saleId: string,
  userId: string): Promise<string> {
  if (kind === 'sale token') {
    const { body, text } = await product.client.call<{ token?: string }>('POST',
      `/v1/sales/${saleId}/tokens`, { as: userId });
    if (body.token === undefined) throw new Error(`No sale token: ${text}`);
    return body.token;
  }
  const captcha = new CaptchaClient(product);
  const posed = await captcha.pose(saleId, userId);
  const { body } = await captcha.answer(posed.body.id, userId, await solve(posed.body.challenge));
  return body.captchaToken;
}

/** A proof as this installation makes them, that holds until so many milliseconds from now. */
export async function mint(product: TestProduct, kind: ProofKind, binding: TokenBinding,
  lifetimeMs: number): Promise<string> {
  const key = await product.get(InstallationSecrets).key(proofs[kind].secret);
  return issueBoundToken(key, binding, product.get(ServerClock).now() + lifetimeMs);
}

import { createSigner, createVerifier, type Algorithm } from 'fast-jwt';
import type { AppConfig } from '../config';
import { type Identity, type Role, roles, userIdPattern } from './identity';

/** What a token must say; its algorithm follows from the key, never from the token. */
export type TokenConfig = Pick<AppConfig, 'jwtSecret' | 'jwtJwksUrl' | 'jwtIssuer' | 'jwtAudience'>;

/** Reads a token of one key; throws fast-jwt's `TokenError` when it does not hold. */
export type VerifyToken = (token: string) => Identity;

const requiredClaims = ['sub', 'exp', 'iss', 'aud'];
const clockToleranceMs = 5_000;
/** Between this and twice as many are remembered. */
const rememberedTokens = 10_000;

const noRoles: readonly Role[] = [];
const knownRoles: ReadonlySet<unknown> = new Set(roles);

/**
 * A verifier of one key and one algorithm. It remembers tokens that held, at most until they expire;
 * by their own text, since fast-jwt's cache hashes each token, which costs as much as it saves.
 */
export function tokenVerifier(
  key: string,
  algorithm: Algorithm,
  config: TokenConfig,
): VerifyToken {
  const verify = createVerifier({
    key,
    algorithms: [algorithm],
    requiredClaims,
    allowedIss: config.jwtIssuer,
    allowedAud: config.jwtAudience,
    allowedSub: userIdPattern,
    clockTolerance: clockToleranceMs,
  });
  let recent = new Map<string, Remembered>();
  let older = recent;
  return (token) => {
    const known = recent.get(token) ?? older.get(token);
    if (known && Date.now() < known.expiresAtMs + clockToleranceMs) return known.identity;
    const claims = verify(token) as Record<string, unknown>;
    const identity = identityOf(claims);
    if (recent.size === rememberedTokens) [older, recent] = [recent, new Map()];
    recent.set(token, { identity, expiresAtMs: (claims['exp'] as number) * 1_000 });
    return identity;
  };
}

interface Remembered {
  readonly identity: Identity;
  readonly expiresAtMs: number;
}

/** A claim that is not what it should be counts as absent: it can only take rights away. */
function identityOf(claims: Record<string, unknown>): Identity {
  const { sub, roles: granted, registered_at: registeredAt, verified } = claims;
  return {
    userId: sub as string,
    roles: Array.isArray(granted) ? granted.filter((role) => knownRoles.has(role)) : noRoles,
    registeredAt: Number.isSafeInteger(registeredAt) ? registeredAt as number : undefined,
    verified: typeof verified === 'boolean' ? verified : undefined,
  };
}

/**
 * Makes a token with the local secret. `expiresIn` is a time span such as `2h` or `15m`.
 * Throws an Error when there is no local secret or the user id is none.
 */
export function mintToken(config: TokenConfig, identity: Identity, expiresIn = '12h'): string {
  if (config.jwtSecret === undefined) {
    throw new Error('There is no JWT_SECRET, so tokens cannot be made here.');
  }
  if (!userIdPattern.test(identity.userId)) {
    throw new Error('A user id has 1 to 128 visible ASCII characters.');
  }
  const sign = createSigner({
    key: config.jwtSecret,
    algorithm: 'HS256',
    expiresIn,
    sub: identity.userId,
    iss: config.jwtIssuer,
    aud: config.jwtAudience,
  });
  const { roles: granted, registeredAt, verified } = identity;
  return sign({ roles: granted, registered_at: registeredAt, verified });
}

import { TOKEN_ERROR_CODES } from 'fast-jwt';
import { ProblemError } from '../kernel';
import type { Identity } from './identity';
import { JsonWebKeys } from './json-web-keys';
import { type TokenConfig, tokenVerifier, type VerifyToken } from './token';

/** Answers who is asking, from the `Authorization` header. */
export class Authenticator {
  private readonly verifierOf: (
    token: string,
  ) => VerifyToken | undefined | Promise<VerifyToken | undefined>;

  constructor(config: TokenConfig) {
    if (config.jwtJwksUrl === undefined) {
      const verify = tokenVerifier(config.jwtSecret ?? '', 'HS256', config);
      this.verifierOf = () => verify;
    } else {
      const keys = new JsonWebKeys(config.jwtJwksUrl, config);
      this.verifierOf = (token) => {
        const keyId = keyIdOf(token);
        return keyId === undefined ? undefined : keys.verifierOf(keyId);
      };
    }
  }

  /**
   * The identity of a `Bearer` token; a promise only when the identity provider must be asked.
   * Throws UNAUTHENTICATED, or TEMPORARILY_UNAVAILABLE when the provider does not answer.
   */
  identify(authorization: string | undefined): Identity | Promise<Identity> {
    const token = bearerTokenOf(authorization);
    const verify = this.verifierOf(token);
    return verify instanceof Promise
      ? verify.then((found) => check(found, token))
      : check(verify, token);
  }
}

function check(verify: VerifyToken | undefined, token: string): Identity {
  if (verify === undefined) throw unauthenticated('The token is not of a key that is known here.');
  try {
    return verify(token);
  } catch (error) {
    // The cause is not kept: an error that is logged must not carry what a token says.
    const isExpired = (error as { code?: unknown }).code === TOKEN_ERROR_CODES.expired;
    throw unauthenticated(isExpired ? 'The token has expired.' : 'The token is not valid here.');
  }
}

function bearerTokenOf(authorization: string | undefined): string {
  if (authorization?.slice(0, 7).toLowerCase() === 'bearer ') return authorization.slice(7);
  throw new ProblemError('UNAUTHENTICATED', 'Send the header Authorization: Bearer <token>.', {
    headers: { 'WWW-Authenticate': 'Bearer' },
  });
}

/** RFC 6750 section 3.1. */
function unauthenticated(detail: string): ProblemError {
  return new ProblemError('UNAUTHENTICATED', detail, {
    headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
  });
}

function keyIdOf(token: string): string | undefined {
  try {
    const header = Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString();
    const { kid } = JSON.parse(header) as { kid?: unknown };
    return typeof kid === 'string' ? kid : undefined;
  } catch {
    return undefined;
  }
}

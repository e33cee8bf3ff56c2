import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Algorithm } from 'fast-jwt';
import { z } from 'zod';
import { ProblemError, TemporarilyUnavailable } from '../kernel';
import { type TokenConfig, tokenVerifier, type VerifyToken } from './token';

const fetchTimeoutMs = 3_000;
/** A key id that is not known asks the provider again, but not more often than this. */
const refetchAfterMs = 30_000;
const retryAfterMs = 2_000;
/** A key that the provider has withdrawn is believed for at most this long. */
const refreshAfterMs = 300_000;

/** RFC 7517; what else a key or the set carries does not matter here. */
const keySet = z.object({
  keys: z.array(z.looseObject({
    kid: z.string().optional(), use: z.string().optional(), alg: z.string().optional(),
  })).max(100),
});
type JsonWebKey = z.infer<typeof keySet>['keys'][number];

/** One key of the provider, with its text, by which a refresh knows it again. */
interface ProviderKey {
  readonly text: string;
  readonly verify: VerifyToken;
}

/** The public keys of the identity provider (JWKS), fetched when a token first needs them. */
export class JsonWebKeys {
  private keys = new Map<string, ProviderKey>();
  private fetching: Promise<void> | undefined;
  private nextFetchAt = -Infinity;
  private refreshAt = -Infinity;
  private lastFetchFailed = false;

  constructor(
    private readonly url: string,
    private readonly config: TokenConfig,
  ) {}

  /**
   * The verifier of that key id, undefined when the provider has no such key; a promise only when
   * the provider must be asked. Throws TEMPORARILY_UNAVAILABLE when it then does not answer.
   */
  verifierOf(keyId: string): VerifyToken | undefined | Promise<VerifyToken | undefined> {
    const now = performance.now();
    const known = this.keys.get(keyId);
    if (known === undefined) return this.askFor(keyId, now);
    // An old key still serves while it is refreshed; when the provider is down it goes on serving.
    if (now > this.refreshAt && now > this.nextFetchAt) this.fetchOnce().catch(() => undefined);
    return known.verify;
  }

  private async askFor(keyId: string, now: number): Promise<VerifyToken | undefined> {
    if (this.fetching !== undefined || now > this.nextFetchAt) {
      try {
        await this.fetchOnce();
      } catch (cause) {
        throw unavailable(cause);
      }
    } else if (this.lastFetchFailed) {
      throw unavailable(undefined);
    }
    return this.keys.get(keyId)?.verify;
  }

  private fetchOnce(): Promise<void> {
    this.fetching ??= this.fetchKeys().finally(() => { this.fetching = undefined; });
    return this.fetching;
  }

  private async fetchKeys(): Promise<void> {
    this.nextFetchAt = performance.now() + retryAfterMs;
    this.lastFetchFailed = true;
    const signal = AbortSignal.timeout(fetchTimeoutMs);
    const response = await fetch(this.url, { signal, redirect: 'error' });
    if (!response.ok) throw new Error(`the key set was answered with status ${response.status}`);
    const { keys } = keySet.parse(await response.json());
    const current = new Map<string, ProviderKey>();
    for (const key of keys) {
      if (key.kid === undefined) continue;
      const providerKey = this.toProviderKey(key, this.keys.get(key.kid));
      if (providerKey !== undefined) current.set(key.kid, providerKey);
    }
    this.keys = current;
    this.lastFetchFailed = false;
    this.nextFetchAt = performance.now() + refetchAfterMs;
    this.refreshAt = performance.now() + refreshAfterMs;
  }

  /** Undefined for a key that may not check tokens; a key that stayed keeps its cache. */
  private toProviderKey(
    key: JsonWebKey,
    known: ProviderKey | undefined,
  ): ProviderKey | undefined {
    const text = JSON.stringify(key);
    if (known?.text === text) return known;
    const publicKey = readPublicKey(key);
    if (publicKey === undefined) return undefined;
    const algorithm = algorithmOf(publicKey);
    if (algorithm === undefined || (key.alg ?? algorithm) !== algorithm) return undefined;
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    return { text, verify: tokenVerifier(pem, algorithm, this.config) };
  }
}

function readPublicKey(key: JsonWebKey): KeyObject | undefined {
  if (key.use !== undefined && key.use !== 'sig') return undefined;
  try {
    return createPublicKey({ key, format: 'jwk' });
  } catch {
    // A symmetric key, or of a kind that Node does not know: it is not for us.
    return undefined;
  }
}

/** One algorithm for each kind of key, so that a token cannot choose. */
function algorithmOf(key: KeyObject): Algorithm | undefined {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048) return 'RS256';
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'ES256';
  return key.asymmetricKeyType === 'ed25519' ? 'EdDSA' : undefined;
}

function unavailable(cause: unknown): ProblemError {
  return new TemporarilyUnavailable('Tokens cannot be checked at the moment.',
    { retryAfterSeconds: retryAfterMs / 1000, cause });
}

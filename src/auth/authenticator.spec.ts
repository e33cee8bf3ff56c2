import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { createSigner } from 'fast-jwt';
import { until } from '../../test/support/until';
import { ProblemError } from '../kernel';
import { Authenticator } from './authenticator';
import { mintToken, type TokenConfig } from './token';

const secret = 'a secret of at least thirty-two characters';
const bySecret: TokenConfig = {
  jwtSecret: secret, jwtJwksUrl: undefined, jwtIssuer: 'shop', jwtAudience: 'buyers',
};
const now = Math.floor(Date.now() / 1000);
const claims = { sub: 'alice', iss: 'shop', aud: 'buyers', exp: now + 3600 };

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token put together by hand, as an attacker would. */
function forge(header: object, payload: object, key: string | Buffer = secret): string {
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

const signed = (payload: object) => forge({ alg: 'HS256', typ: 'JWT' }, payload);

/** The code that the token is refused with, and the text of everything the error carries. */
async function refusalOf(authenticator: Authenticator, token: string): Promise<string> {
  try {
    await authenticator.identify(`Bearer ${token}`);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    expect(`${error.stack}${JSON.stringify(error)}${String(error.cause)}`).not.toContain(token);
    return error.code;
  }
}

describe('a token of the local secret', () => {
  const authenticator = new Authenticator(bySecret);

  it('says who is asking', () => {
    const token = signed({
      ...claims, roles: ['admin', 'emperor'], registered_at: 1_700_000_000, verified: true,
    });
    const identity = {
      userId: 'alice', roles: ['admin'], registeredAt: 1_700_000_000, verified: true,
    };
    expect(authenticator.identify(`Bearer ${token}`)).toEqual(identity);
    expect(authenticator.identify(`bearer ${token}`)).toEqual(identity);
  });

  it('reads what it minted itself', () => {
    const identity = { userId: 'bob|7', roles: ['risk'] as const, verified: false };
    const token = mintToken(bySecret, identity, '1m');
    expect(authenticator.identify(`Bearer ${token}`)).toEqual(identity);
  });

  it('takes a claim of a wrong type for absent', () => {
    const token = signed({ ...claims, roles: 'admin', registered_at: '0', verified: 'yes' });
    expect(authenticator.identify(`Bearer ${token}`)).toEqual({ userId: 'alice', roles: [] });
  });

  it('accepts our audience among several', async () => {
    const token = signed({ ...claims, aud: ['others', 'buyers'] });
    expect(await refusalOf(authenticator, token)).toBe('accepted');
  });

  it.each<[string, string]>([
    ['without a signature (alg none)', `${part({ alg: 'none' })}.${part(claims)}.`],
    ['with another algorithm of the same secret', forge({ alg: 'HS512' }, claims)],
    ['with no algorithm', forge({}, claims)],
    ['of another secret', forge({ alg: 'HS256' }, claims, 'another')],
    ['whose payload was changed',
      signed(claims).replace(/\.[^.]+\./, `.${part({ ...claims, sub: 'eve' })}.`)],
    ['whose signature was cut off', signed(claims).replace(/[^.]+$/, '')],
    ['that has expired', signed({ ...claims, exp: now - 60 })],
    ['that never expires', signed({ ...claims, exp: undefined })],
    ['whose expiry is a text', signed({ ...claims, exp: '9999999999' })],
    ['whose expiry is null', signed({ ...claims, exp: null })],
    ['that is not valid yet', signed({ ...claims, nbf: now + 60 })],
    ['for another audience', signed({ ...claims, aud: 'sellers' })],
    ['for no audience', signed({ ...claims, aud: undefined })],
    ['of another issuer', signed({ ...claims, iss: 'shop.evil' })],
    ['of no issuer', signed({ ...claims, iss: undefined })],
    ['of nobody', signed({ ...claims, sub: undefined })],
    ['of an empty user id', signed({ ...claims, sub: '' })],
    ['of a numeric user id', signed({ ...claims, sub: 7 })],
    ['of a user id with a line break', signed({ ...claims, sub: 'alice\n' })],
    ['of a user id that is too long', signed({ ...claims, sub: 'a'.repeat(129) })],
    ['with a critical extension', forge({ alg: 'HS256', crit: ['b64'], b64: false }, claims)],
    ['that is a text', signed('alice' as unknown as object)],
    ['that is null', signed(null as unknown as object)],
    ['that is not a token', 'alice'],
  ])('is refused when it is one %s', async (_what, token) => {
    expect(await refusalOf(authenticator, token)).toBe('UNAUTHENTICATED');
  });

  it('is refused from its expiry on, though it was accepted before', async () => {
    const token = signed(claims);
    expect(await refusalOf(authenticator, token)).toBe('accepted');
    jest.useFakeTimers({ now: (claims.exp + 7) * 1000 });
    try {
      expect(await refusalOf(authenticator, token)).toBe('UNAUTHENTICATED');
    } finally {
      jest.useRealTimers();
    }
  });

  it.each([undefined, '', 'Basic YTpi', 'Bearer', 'Bearer '])(
    'is asked for when the header is %p', (header) => {
      expect(() => authenticator.identify(header)).toThrow(expect.objectContaining({
        code: 'UNAUTHENTICATED',
        headers: { 'WWW-Authenticate': expect.stringMatching(/^Bearer/) as string },
      }) as Error);
    });

  it('is not minted without a secret, nor for what is not a user id', () => {
    const elsewhere = { ...bySecret, jwtSecret: undefined };
    expect(() => mintToken(elsewhere, { userId: 'a', roles: [] })).toThrow('JWT_SECRET');
    expect(() => mintToken(bySecret, { userId: 'a b', roles: [] })).toThrow('user id');
    expect(() => mintToken(bySecret, { userId: 'a', roles: [] }, 'soon')).toThrow('expiresIn');
  });
});

describe('a token of an identity provider', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const weakRsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ed = generateKeyPairSync('ed25519');
  const jwk = (key: KeyObject, more: object) => ({ ...key.export({ format: 'jwk' }), ...more });
  const pem = (key: KeyObject, type: 'pkcs8' | 'spki') =>
    key.export({ type, format: 'pem' }).toString();
  const token = (algorithm: 'RS256' | 'ES256' | 'EdDSA', key: KeyObject, kid: string) =>
    createSigner({ algorithm, key: pem(key, 'pkcs8'), kid })(claims);

  let published: object[] = [];
  let isDown = false;
  let fetches = 0;
  const provider = createServer((_request, response) => {
    fetches += 1;
    response.statusCode = isDown ? 500 : 200;
    response.end(JSON.stringify({ keys: published }));
  });
  let config: TokenConfig;
  let authenticator: Authenticator;

  beforeAll(async () => {
    await once(provider.listen(0, '127.0.0.1'), 'listening');
    const { port } = provider.address() as AddressInfo;
    config = { ...bySecret, jwtSecret: undefined, jwtJwksUrl: `http://127.0.0.1:${port}` };
  });

  beforeEach(() => {
    published = [
      jwk(rsa.publicKey, { kid: 'rsa', use: 'sig', alg: 'RS256' }),
      jwk(ec.publicKey, { kid: 'ec' }),
      jwk(ed.publicKey, { kid: 'ed' }),
      jwk(weakRsa.publicKey, { kid: 'weak' }),
      jwk(rsa.publicKey, { kid: 'encryption', use: 'enc' }),
      { kty: 'oct', kid: 'secret', k: Buffer.from(secret).toString('base64url') },
    ];
    isDown = false;
    fetches = 0;
    authenticator = new Authenticator(config);
    // The provider is there: what stands still is this machine, and no reason to give it up.
    jest.spyOn(AbortSignal, 'timeout').mockReturnValue(new AbortController().signal);
  });

  afterEach(() => { jest.restoreAllMocks(); });
  afterAll(() => { provider.close(); });

  const realNow = performance.now.bind(performance);
  let passedMs = 0;
  const later = (seconds: number) => {
    passedMs += seconds * 1000;
    jest.spyOn(performance, 'now').mockImplementation(() => realNow() + passedMs);
  };

  it('holds under each kind of key, and the keys are fetched once', async () => {
    const tokens = [
      token('RS256', rsa.privateKey, 'rsa'), token('ES256', ec.privateKey, 'ec'),
      token('EdDSA', ed.privateKey, 'ed'),
    ];
    const refusals = await Promise.all(tokens.map((one) => refusalOf(authenticator, one)));
    expect(refusals).toEqual(['accepted', 'accepted', 'accepted']);
    expect(authenticator.identify(`Bearer ${tokens[0]}`)).toMatchObject({ userId: 'alice' });
    expect(fetches).toBe(1);
  });

  it('is refused when it takes the public key for a secret (key confusion)', async () => {
    for (const key of [pem(rsa.publicKey, 'spki'), pem(rsa.publicKey, 'spki').trim()]) {
      const confused = forge({ alg: 'HS256', kid: 'rsa' }, claims, key);
      expect(await refusalOf(authenticator, confused)).toBe('UNAUTHENTICATED');
    }
  });

  it.each<[string, () => string]>([
    ['of a symmetric key in the set', () => forge({ alg: 'HS256', kid: 'secret' }, claims)],
    ['of a key that is for encryption', () => token('RS256', rsa.privateKey, 'encryption')],
    ['of a key that is too short', () => token('RS256', weakRsa.privateKey, 'weak')],
    ['of another key than it names', () => token('EdDSA', ed.privateKey, 'rsa')],
    ['of a key that nobody knows', () => token('RS256', rsa.privateKey, 'unknown')],
    ['that names no key', () => signed(claims)],
    ['without a signature', () => `${part({ alg: 'none', kid: 'rsa' })}.${part(claims)}.`],
  ])('is refused when it is one %s', async (_what, make) => {
    expect(await refusalOf(authenticator, make())).toBe('UNAUTHENTICATED');
  });

  it('holds under a new key that the provider is asked for, but at most every 30 s', async () => {
    published = [];
    const rotated = token('ES256', ec.privateKey, 'ec');
    expect(await refusalOf(authenticator, rotated)).toBe('UNAUTHENTICATED');
    published = [jwk(ec.publicKey, { kid: 'ec' })];
    expect(await refusalOf(authenticator, rotated)).toBe('UNAUTHENTICATED');
    expect(fetches).toBe(1);
    later(31);
    expect(await refusalOf(authenticator, rotated)).toBe('accepted');
  });

  it('stops to hold when the provider withdraws its key, but not when the provider is down',
    async () => {
      const good = token('ES256', ec.privateKey, 'ec');
      const refreshed = async () => {
        later(301);
        const before = fetches;
        expect(await refusalOf(authenticator, good)).toBe('accepted');
        // While the fetch before it is not over, it is asked in vain.
        while (fetches === before) {
          await setImmediate();
          await refusalOf(authenticator, good);
        }
      };
      expect(await refusalOf(authenticator, good)).toBe('accepted');
      isDown = true;
      await refreshed();
      expect(await refusalOf(authenticator, good)).toBe('accepted');
      isDown = false;
      published = [];
      await refreshed();
      await until('the key is forgotten', async () =>
        await refusalOf(authenticator, good) === 'UNAUTHENTICATED');
    });

  it('is "unavailable", not "unauthenticated", while the provider is down', async () => {
    isDown = true;
    const good = token('ES256', ec.privateKey, 'ec');
    expect(await refusalOf(authenticator, good)).toBe('TEMPORARILY_UNAVAILABLE');
    expect(await refusalOf(authenticator, good)).toBe('TEMPORARILY_UNAVAILABLE');
    expect(fetches).toBe(1);
    isDown = false;
    later(3);
    expect(await refusalOf(authenticator, good)).toBe('accepted');
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, loadConfig } from './index';
import { variables, type Variable } from './variables';

const valid = {
  DATABASE_URL: 'mysql://shop:pa55@db.internal:3306/shop',
  REDIS_URL: 'redis://cache.internal:6379',
  JWT_SECRET: 'x'.repeat(32),
  PAYMENT_WEBHOOK_SECRET: `whsec_${Buffer.alloc(24, 7).toString('base64')}`,
};

function faultsOf(changes: Record<string, string | undefined>): string[] {
  try {
    loadConfig({ ...valid, ...changes });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map(({ variable }) => variable);
  }
}

describe('configuration', () => {
  it('needs only the servers and the secrets, and fills in the rest', () => {
    expect(loadConfig(valid)).toMatchObject({
      port: 3000, host: '127.0.0.1', publicUrl: 'http://127.0.0.1:3000', roles: ['api', 'worker'],
      processes: 1, redisNamespace: 'fairdrop', trustProxy: [], demo: false, nodeEnv: 'development',
      databasePool: 20, payWindowSeconds: 900, reservationLeaseSeconds: 10, outboxBatch: 500,
    });
  });

  it('cannot be changed once it is loaded', () => {
    const config = loadConfig({ ...valid, TRUST_PROXY: '10.0.0.0/8' });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.roles)).toBe(true);
    expect(Object.isFrozen(config.trustProxy)).toBe(true);
  });

  it('takes lists apart, and an empty text as not set', () => {
    const config = loadConfig({
      ...valid, ROLES: 'worker', TRUST_PROXY: '10.0.0.0/8, ::1', PORT: '',
      PUBLIC_URL: 'https://a/b/',
    });
    expect(config).toMatchObject({
      roles: ['worker'], trustProxy: ['10.0.0.0/8', '::1'], port: 3000, publicUrl: 'https://a/b',
    });
  });

  it('names every fault at once and never shows a value', () => {
    const changes = { PORT: '70000-private', DATABASE_URL: 'private', JWT_SECRET: 'private-short' };
    expect(faultsOf(changes)).toEqual(['PORT', 'DATABASE_URL', 'JWT_SECRET']);
    expect(() => loadConfig({ ...valid, ...changes })).toThrow(
      'PORT: expected an integer from 1 to 65535\n'
      + 'DATABASE_URL: expected a mysql:// URL that names a database, '
      + 'such as mysql://user:password@host:3306/name\n'
      + 'JWT_SECRET: expected at least 16 characters, in production at least 32');
  });

  it('says of a missing variable that it is not set', () => {
    expect(() => loadConfig({ ...valid, REDIS_URL: undefined })).toThrow(
      /^REDIS_URL: expected .*; it is not set$/);
  });

  it.each([
    ['PORT', '0'], ['PORT', '1e3'], ['PORT', ' 80'], ['PORT', '-1'], ['PORT', '80.5'],
    ['HOST', 'a b'], ['ROLES', 'api,cook'], ['ROLES', ','], ['DEMO', 'yes'],
    ['DATABASE_URL', 'mysql://host:3306/'], ['DATABASE_URL', 'postgres://host/name'],
    ['REDIS_URL', 'http://host'], ['REDIS_URL', 'redis://a:1,http://b:2'],
    ['REDIS_URL', 'redis://a:1,redis://:other@b:2'], ['REDIS_URL', 'redis://a:1,rediss://b:2'],
    ['REDIS_URL', 'redis+sentinel://a:1,b:2'], ['REDIS_URL', 'redis://a:1/1,redis://b:2/1'],
    ['REDIS_URL', 'redis://a:1,'], ['REDIS_URL', 'redis://a:1,redis+sentinel://b:2/name'],
    ['REDIS_NAMESPACE', 'a:b'], ['REDIS_NAMESPACE', '{a}'], ['REDIS_NAMESPACE', 'a'.repeat(33)],
    ['PAYMENT_WEBHOOK_SECRET', 'whsec_c2hvcnQ='], ['PAYMENT_WEBHOOK_SECRET', 'x'.repeat(44)],
    ['TRUST_PROXY', '10.0.0.0/33'], ['TRUST_PROXY', '0.0.0.0/0'], ['TRUST_PROXY', '::/0'],
    ['TRUST_PROXY', 'true'], ['TRUST_PROXY', '10.0.0.1,'],
    ['CORS_ORIGINS', '*'], ['CORS_ORIGINS', 'https://shop.example/'], ['CORS_ORIGINS', 'null'],
    ['CORS_ORIGINS', 'https://shop.example:443'], ['OPERATIONS_NETWORKS', 'everybody'],
    ['MAX_CONNECTIONS', '0'], ['NOTIFICATION_URLS', 'ftp://hooks.example'],
    ['NOTIFICATION_SECRET', 'whsec_c2hvcnQ='], ['NOTIFICATION_NETWORKS', '10.0.0.0/33'],
    ['LOG_LEVEL', 'loud'], ['OUTBOX_BATCH', '501'], ['PROCESSES', '0'], ['PROCESSES', '65'],
    ['NODE_ENV', 'prod'],
  ])('refuses %s=%s', (name, text) => {
    expect(faultsOf({ [name]: text })).toEqual([name]);
  });

  it.each(['redis://a:1', 'rediss://user:pass@a/2', 'redis://:p@a:1,redis://:p@b:2, redis://:p@c:3'])(
    'takes a Redis and a Redis Cluster: %s', (url) => {
      expect(loadConfig({ ...valid, REDIS_URL: url }).redisUrl).toBe(url);
    });

  it('wants exactly one way to check tokens', () => {
    const url = 'http://127.0.0.1/keys';
    expect(faultsOf({ JWT_SECRET: undefined })).toEqual(['JWT_SECRET']);
    expect(faultsOf({ JWT_JWKS_URL: url })).toEqual(['JWT_JWKS_URL']);
    expect(faultsOf({ JWT_JWKS_URL: url, JWT_SECRET: undefined })).toEqual([]);
  });

  it('needs a secret of its own to sign notifications', () => {
    const urls = { NOTIFICATION_URLS: 'https://hooks.internal/a,http://hooks.internal/b' };
    expect(faultsOf(urls)).toEqual(['NOTIFICATION_SECRET']);
    expect(faultsOf({ ...urls, NOTIFICATION_SECRET: valid.PAYMENT_WEBHOOK_SECRET }))
      .toEqual(['NOTIFICATION_SECRET']);
    const secret = `whsec_${Buffer.alloc(24, 8).toString('base64')}`;
    expect(faultsOf({ ...urls, NOTIFICATION_SECRET: secret })).toEqual([]);
  });

  it('shows the inside to this machine alone in production, elsewhere to everybody', () => {
    expect(loadConfig(valid).operationsNetworks).toBeUndefined();
    expect(loadConfig({ ...valid, NODE_ENV: 'production' }).operationsNetworks)
      .toEqual(['127.0.0.0/8', '::1']);
    expect(loadConfig({ ...valid, NODE_ENV: 'production', OPERATIONS_NETWORKS: '10.0.0.0/8' })
      .operationsNetworks).toEqual(['10.0.0.0/8']);
  });

  describe('in production', () => {
    const production = {
      ...valid, NODE_ENV: 'production', NOTIFICATION_URLS: 'https://hooks.internal',
      NOTIFICATION_SECRET: `whsec_${Buffer.alloc(24, 8).toString('base64')}`,
    };
    const sensitive = Object.entries<Variable>(variables)
      .filter(([, variable]) => variable.sensitive)
      .map(([name, { example }]) => ({ name, example }));

    it('starts with secrets of its own, but not the demo', () => {
      expect(faultsOf(production)).toEqual([]);
      expect(faultsOf({ ...production, DEMO: 'true' })).toEqual(['DEMO']);
    });

    it('knows every variable that may hold a secret', () => {
      expect(sensitive.map(({ name }) => name)).toEqual(['DATABASE_URL', 'REDIS_URL', 'JWT_SECRET',
        'PAYMENT_WEBHOOK_SECRET', 'NOTIFICATION_URLS', 'NOTIFICATION_SECRET']);
    });

    it.each(sensitive)('refuses the sample of $name, good elsewhere', ({ name, example }) => {
      expect(faultsOf({ ...production, [name]: example })).toEqual([name]);
      expect(faultsOf({ ...production, NODE_ENV: 'development', [name]: example })).toEqual([]);
    });

    it.each(['DATABASE_URL', 'REDIS_URL', 'JWT_SECRET', 'PAYMENT_WEBHOOK_SECRET',
      'NOTIFICATION_SECRET'])('does not start without %s', (name) => {
      expect(faultsOf({ ...production, [name]: undefined })).toEqual([name]);
      expect(faultsOf({ ...production, [name]: '' })).toEqual([name]);
    });
  });

  it('is described in full by .env.example', () => {
    const lines = ['# Every variable, with its default or a sample.',
      '# Copy this file to .env and take away the # before what you want to set.'];
    for (const [name, variable] of Object.entries<Variable>(variables)) {
      lines.push('', `# ${variable.description}`, `# Expected: ${variable.expected}.`);
      lines.push(`#${name}=${variable.example}`);
    }
    const file = readFileSync(join(__dirname, '../../.env.example'), 'utf8');
    expect(file).toBe(`${lines.join('\n')}\n`);
  });

  it('accepts every example, and every default is its example', () => {
    for (const { schema, example } of Object.values<Variable>(variables)) {
      expect(schema.safeParse(example).success).toBe(true);
      const fallback = schema.safeParse(undefined).data;
      const isSaid = typeof fallback === 'string' || typeof fallback === 'number';
      if (isSaid) expect(String(fallback)).toBe(example);
    }
  });
});

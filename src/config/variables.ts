import { z } from 'zod';
import { parseRedisUrl } from './redis-url';
import {
  cap, choice, integer, isAddressRange, isOrigin, isProxyRange, isWebhookSecret, list, rate, url, windows,
} from './variable-kinds';

/** One environment variable: how its text becomes a value, and what is said about it. */
export interface Variable {
  readonly schema: z.ZodType<unknown, string | undefined>;
  /** What it is for, in one sentence; the comment in `.env.example`. */
  readonly description: string;
  /** Completes "expected …" in a fault, which never shows the value. */
  readonly expected: string;
  /** The default, or a sample where there is none; the value in `.env.example`. */
  readonly example: string;
  /** Secrets and URLs that may carry one; production refuses the example. */
  readonly sensitive?: true;
}

/** Every variable that the product reads. The order is that of `.env.example`. */
export const variables = {
  PORT: { ...integer(1, 65_535, 3000), description: 'TCP port of the HTTP server.' },
  HOST: {
    schema: z.string().regex(/^[A-Za-z0-9.:-]+$/).default('127.0.0.1'),
    description: 'Address that the HTTP server listens on; 0.0.0.0 for every interface.',
    expected: 'an IP address or a host name',
    example: '127.0.0.1',
  },
  PUBLIC_URL: {
    schema: url('http', 'https').transform((text) => text.replace(/\/+$/, '')).optional(),
    description: 'Base of the links given to buyers; follows PORT when not set.',
    expected: 'an http:// or https:// URL',
    example: 'http://127.0.0.1:3000',
  },
  ROLES: {
    schema: list.pipe(z.array(z.enum(['api', 'worker']))).default(['api', 'worker']),
    description: 'What this process does: api serves requests, worker runs queues and timers.',
    expected: 'a comma list of api and worker',
    example: 'api,worker',
  },
  PROCESSES: {
    ...integer(1, 64, 1),
    description: 'Processes with these ROLES that share PORT on this machine.',
  },
  NODE_ENV: {
    ...choice('development', 'test', 'production'),
    description: 'production refuses sample secrets and the demo.',
  },
  LOG_LEVEL: {
    ...choice('info', 'trace', 'debug', 'warn', 'error', 'fatal', 'silent'),
    description: 'Least severity that is logged.',
  },
  DEMO: {
    schema: z.stringbool({ truthy: ['true'], falsy: ['false'] }).default(false),
    description: 'Demo login and pages; npm start sets it when it runs its own servers.',
    expected: 'true | false',
    example: 'false',
  },
  DATA_DIR: {
    schema: z.string().default('.data'),
    description: 'Where npm start keeps its own servers, secrets and logs.',
    expected: 'a folder',
    example: '.data',
  },
  DATABASE_URL: {
    schema: url('mysql').refine((text) => /^mysql:\/\/[^/]+\/[\w-]{1,64}(\?|$)/.test(text)),
    description: 'MariaDB or MySQL with the name of a database; not set, npm start runs one.',
    expected: 'a mysql:// URL that names a database, such as mysql://user:password@host:3306/name',
    example: 'mysql://fairdrop:password@127.0.0.1:3306/fairdrop',
    sensitive: true,
  },
  DATABASE_POOL: {
    ...integer(2, 1000, 20),
    description: 'Most database connections of one process.',
  },
  REDIS_URL: {
    schema: z.string().refine((text) => parseRedisUrl(text) !== undefined),
    description: 'Redis, the sentinels that watch it, or nodes of a Redis Cluster, over TLS where '
      + 'the scheme begins with rediss; not set, npm start runs one.',
    expected: 'a redis:// or rediss:// URL, or redis+sentinel://host:26379,host:26379/name, or '
      + 'several redis:// URLs with one login by comma, which are nodes of a Cluster',
    example: 'redis://:password@127.0.0.1:6379',
    sensitive: true,
  },
  REDIS_NAMESPACE: {
    schema: z.string().regex(/^[a-z0-9-]{1,32}$/).default('fairdrop'),
    description: 'Start of every Redis key and queue name, for products that share a server.',
    expected: '1 to 32 lower-case letters, digits and hyphens',
    example: 'fairdrop',
  },
  DURABILITY: {
    ...choice('everysec', 'always', 'replica', 'commit'),
    description: 'What must have a purchase before its buyer hears of it: the memory of Redis '
      + '(written to disk each second), its disk, replicas of it, or the database.',
  },
  DURABILITY_REPLICAS: {
    ...integer(1, 10, 1),
    description: 'Replicas of Redis that must have it where DURABILITY is replica.',
  },
  JWT_SECRET: {
    schema: z.string().min(16).max(1024).optional(),
    description: 'Secret of HS256 tokens; set either this or JWT_JWKS_URL.',
    expected: 'at least 16 characters, in production at least 32',
    example: 'sample-secret-for-tokens-replace-me-now',
    sensitive: true,
  },
  JWT_JWKS_URL: {
    schema: url('http', 'https').optional(),
    description: 'Key set of the identity provider (RS256, ES256, EdDSA), instead of JWT_SECRET.',
    expected: 'an http:// or https:// URL',
    example: 'https://identity.example/.well-known/jwks.json',
  },
  JWT_ISSUER: {
    schema: z.string().default('fairdrop'),
    description: 'The iss claim that a token must carry.',
    expected: 'a text',
    example: 'fairdrop',
  },
  JWT_AUDIENCE: {
    schema: z.string().default('fairdrop'),
    description: 'The aud claim that a token must carry.',
    expected: 'a text',
    example: 'fairdrop',
  },
  TRUST_PROXY: {
    schema: list.pipe(z.array(z.string().refine(isProxyRange))).default([]),
    description: 'Proxies whose X-Forwarded-For is believed; none when not set.',
    expected: 'a comma list of IP addresses and CIDR ranges, no wider than /8 (IPv6: /7)',
    example: '10.0.0.0/8,192.168.0.1',
  },
  CORS_ORIGINS: {
    schema: list.pipe(z.array(z.string().refine(isOrigin))).default([]),
    description: 'Web pages of other origins that may call the API; none when not set.',
    expected: 'a comma list of origins such as https://shop.example, without a path',
    example: 'https://shop.example,https://www.shop.example',
  },
  OPERATIONS_NETWORKS: {
    schema: list.pipe(z.array(z.string().refine(isAddressRange))).optional(),
    description: 'Who may see /metrics, /docs and /openapi.json without a token; '
      + 'not set, this machine in production and everybody elsewhere.',
    expected: 'a comma list of IP addresses and CIDR ranges',
    example: '127.0.0.0/8,::1,10.20.0.0/16',
  },
  MAX_CONNECTIONS: {
    ...integer(1, 1_000_000, 10_000),
    description: 'Most TCP connections of one process; further ones are closed at once.',
  },
  OVERLOAD: {
    ...choice('on', 'off'),
    description: 'Whether a process that cannot keep up refuses reads, then new purchases.',
  },
  THROTTLE_USER: {
    ...windows('10/1,120/60'),
    description: 'Calls of one user for buying, captchas and sale tokens, in any window of that length.',
  },
  THROTTLE_IP: {
    ...windows('100/1,3000/60'),
    description: 'The same for one address; IPv6 counts by its /64.',
  },
  THROTTLE_DEVICE: {
    ...windows('20/1,240/60'),
    description: 'The same for one X-Device-Id.',
  },
  THROTTLE_CALLS: {
    ...windows('50/1,1200/60'),
    description: 'Other calls of one user with a token without roles; counted by each process.',
  },
  THROTTLE_SALE: { ...rate, description: 'Buying calls of one sale let through per second.' },
  THROTTLE_GLOBAL: { ...rate, description: 'Buying calls of all sales let through per second.' },
  RISK: {
    ...choice('on', 'shadow', 'off'),
    description: 'Whether risk rules act, only count, or rest, where the sale does not say.',
  },
  CAPTCHA: {
    ...choice('risk', 'off', 'always'),
    description: 'When a captcha is asked for, where the sale does not say.',
  },
  HOLDS_PER_USER: {
    ...cap(10),
    description: 'Unpaid orders that one user may hold at a time, over all sales.',
  },
  HOLDS_PER_DEVICE: {
    ...cap(10),
    description: 'The same for one X-Device-Id.',
  },
  PAYMENT_WEBHOOK_SECRET: {
    schema: z.string().refine(isWebhookSecret),
    description: 'Secret that signs payment webhooks (Standard Webhooks).',
    expected: 'whsec_ and the base64 of 24 to 64 bytes',
    example: 'whsec_c2FtcGxlLXNlY3JldC1yZXBsYWNlLW1lLW5vdy4=',
    sensitive: true,
  },
  NOTIFICATION_URLS: {
    schema: list.pipe(z.array(url('http', 'https'))).default([]),
    description: 'Receivers of outgoing notifications, such as a new risk case; none when not set.',
    expected: 'a comma list of http:// and https:// URLs',
    example: 'https://hooks.example/fairdrop',
    sensitive: true,
  },
  NOTIFICATION_SECRET: {
    schema: z.string().refine(isWebhookSecret).optional(),
    description: 'Secret that signs notifications (Standard Webhooks); NOTIFICATION_URLS needs it.',
    expected: 'whsec_ and the base64 of 24 to 64 bytes, not that of PAYMENT_WEBHOOK_SECRET',
    example: 'whsec_c2FtcGxlLW5vdGlmaWNhdGlvbi1zZWNyZXQ=',
    sensitive: true,
  },
  NOTIFICATION_NETWORKS: {
    schema: list.pipe(z.array(z.string().refine(isAddressRange))).default([]),
    description: 'Addresses that notifications may go to although they are not public.',
    expected: 'a comma list of IP addresses and CIDR ranges',
    example: '10.20.30.40,192.168.7.0/24',
  },
  PAY_WINDOW_SECONDS: {
    ...integer(1, 604_800, 900),
    description: 'Time to pay an order, where the sale does not say.',
  },
  RESERVATION_LEASE_SECONDS: {
    ...integer(1, 3600, 10),
    description: 'Age after which a reservation without an order is looked up in the database.',
  },
  BACKLOG_PER_SALE: {
    ...integer(1, 10_000_000, 100_000),
    description: 'Units of one sale held without an order, from which on nobody more can buy.',
  },
  REDIS_OUTAGE_SECONDS: {
    ...integer(1, 3600, 5),
    description: 'Time without Redis after which sales that may go on without it do so.',
  },
  ARCHIVE_AFTER_DAYS: {
    ...cap('off'),
    description: 'Age in days of a retired sale from which its rows go to the archive.',
    example: '30',
  },
  OUTBOX_BATCH: {
    ...integer(1, 500, 500),
    description: 'Most orders written in one transaction.',
  },
  DRAIN_SECONDS: {
    ...integer(0, 60, 1),
    description: 'Time between "not ready" and closing, so that balancers look away first.',
  },
} as const satisfies Record<string, Variable>;

export type Variables = typeof variables;
export type VariableName = keyof Variables;

import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import type { AppConfig } from '../../config';

/** How long a browser remembers what it was allowed, in seconds. */
const preflightValidSeconds = 600;

/**
 * Lets web pages of CORS_ORIGINS call the API. Without any there is no CORS at all: no header, and
 * no answer to a preflight. Credentials are never allowed: the token is a header, not a cookie.
 */
export function allowOrigins(
  server: FastifyInstance,
  { corsOrigins }: Pick<AppConfig, 'corsOrigins'>,
): void {
  if (corsOrigins.length === 0) return;
  server.register(cors, {
    origin: [...corsOrigins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'Prefer', 'traceparent',
      'X-Device-Id', 'X-Sale-Token', 'X-Captcha-Token'],
    exposedHeaders: ['Location', 'Retry-After', 'RateLimit', 'RateLimit-Policy', 'x-trace-id'],
    maxAge: preflightValidSeconds,
    strictPreflight: false,
  });
}

import { HttpException } from '@nestjs/common';
import { ProblemError, TemporarilyUnavailable } from '../../kernel';
import { isOpenCircuit } from '../circuit';
import { isUnavailable as isDatabaseUnavailable } from '../database';
import { validationFailed } from './validate';

export const bodyBytesAtMost = 16 * 1024;

/** Whatever was thrown, as the problem that the caller is told about. */
export function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (isBrokenOff(error)) return fromStatus(400, error);
  if (isDatabaseUnavailable(error) || isRedisUnavailable(error) || isOpenCircuit(error)) {
    return new TemporarilyUnavailable('Please ask again in a moment.', { cause: error });
  }
  return fromStatus(statusOf(error), error);
}

/** The caller has gone amid his body: Node says it as of any connection, and Fastify adds the status. */
function isBrokenOff(error: unknown): boolean {
  const { code, statusCode } = Object(error) as { code?: unknown; statusCode?: unknown };
  return code === 'ECONNRESET' && statusCode === 400;
}

/** Errors of Nest and Fastify carry a status; anything else is a fault of ours. */
function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  const isFastifys = error instanceof Error && error.name === 'FastifyError';
  return isFastifys ? Number((error as { statusCode?: unknown }).statusCode) : 500;
}

function fromStatus(status: number, cause: unknown): ProblemError {
  switch (status) {
    case 403: return new ProblemError('FORBIDDEN', 'This caller may not do that.');
    case 404: return new ProblemError('NOT_FOUND', 'No route has this path.');
    case 413: return new ProblemError('BODY_TOO_LARGE',
      `Send at most ${bodyBytesAtMost} bytes.`);
    case 415: return new ProblemError('UNSUPPORTED_MEDIA_TYPE',
      'Send JSON with the header Content-Type: application/json.');
  }
  if (status >= 400 && status < 500) {
    return validationFailed({ path: '', message: 'The URL or the JSON body cannot be read' });
  }
  return new ProblemError('INTERNAL_ERROR',
    'The request failed on our side. Quote the traceId when you report it.', { cause });
}

const brokenConnection = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND', 'EAI_AGAIN',
]);
/** Redis is there but cannot serve now, or ioredis has given up on it. */
const refusedByRedis = new RegExp([
  '^(OOM|LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS|MISCONF)\\b',
  '^Connection is closed', '^Command timed out', '^Socket timeout', '^Stream isn\'t writeable',
  // Of a Cluster: no node has the keys, all are away, or they are just moving.
  '^(MOVED|ASK)\\b', '^Too many Cluster redirections', '^Cluster is', '^None of startup nodes',
  '^Failed to refresh slots cache',
].join('|'));

function isRedisUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return error.name === 'MaxRetriesPerRequestError'
    || (typeof code === 'string' && brokenConnection.has(code))
    || refusedByRedis.test(error.message);
}

import type { FastifyRequest } from 'fastify';
import type { Identity } from '../auth';
import type { Origin } from '../infra/audit';
import { clientIpOf, traceIdOf } from '../infra/http';

/** The operator behind a request, for the audit log. */
export function originOf({ userId }: Identity, request: FastifyRequest): Origin {
  return { actor: userId, ip: clientIpOf(request), traceId: traceIdOf(request) };
}

import type { FastifyRequest } from 'fastify';
import { clientIpOf, traceIdOf } from '../http';

/** Who decided something, from where, in which request. */
export interface Origin {
  /** The user id of whoever decided, or the name of the part of the product that did. */
  actor: string;
  /** Empty when no request is behind it. */
  ip: string;
  traceId: string;
}

/** The origin of what a request decides. */
export function originOf(actor: string, request: FastifyRequest): Origin {
  return { actor, ip: clientIpOf(request), traceId: traceIdOf(request) };
}

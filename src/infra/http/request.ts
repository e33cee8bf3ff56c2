import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** What `clientIpOf` found. */
    clientIp?: string;
  }
}

/** Version 00, a trace id that is not all zero, a parent id (source: W3C Trace Context). */
const traceparentPattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The trace id of a new request: the caller's (`traceparent`), else 32 random hex characters. */
export function newTraceId(request: Pick<IncomingMessage, 'headers'>): string {
  const traceparent = request.headers['traceparent'];
  const given = typeof traceparent === 'string'
    ? traceparentPattern.exec(traceparent)?.[1] : undefined;
  return given ?? randomTraceId();
}

const traceIdBytes = 16;
const drawnAtOnce = 256;
let drawn = '';
let used = 0;

/** Many are drawn at once: one by one, or as UUIDs without their dashes, costs several times as much. */
function randomTraceId(): string {
  if (used === drawn.length) {
    drawn = randomBytes(traceIdBytes * drawnAtOnce).toString('hex');
    used = 0;
  }
  return drawn.slice(used, used += 2 * traceIdBytes);
}

/** 32 hex characters that follow the request through logs, queue, worker and problem documents. */
export function traceIdOf(request: FastifyRequest): string {
  return request.id;
}

/**
 * The caller's address; `X-Forwarded-For` counts only when the peer is in TRUST_PROXY, and only where
 * it names an address: a trusted peer may forward any text. At most 45 characters.
 */
export function clientIpOf(request: FastifyRequest): string {
  return request.clientIp ??= addressOf(request);
}

function addressOf(request: FastifyRequest): string {
  const { ip } = request; // worked out anew each time that it is asked for
  const address = isIP(ip) === 0 ? request.socket.remoteAddress ?? '' : ip;
  return address.slice(0, 45);
}

/** What a device id may be: visible ASCII. */
export const deviceIdPattern = /^[\x21-\x7e]{1,128}$/;

/** The `X-Device-Id` header; undefined when there is none, or none that can be one. */
export function deviceIdOf(request: FastifyRequest): string | undefined {
  const deviceId = request.headers['x-device-id'];
  return typeof deviceId === 'string' && deviceIdPattern.test(deviceId) ? deviceId : undefined;
}

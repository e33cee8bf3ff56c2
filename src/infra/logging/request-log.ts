import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger as Pino } from 'pino';

/**
 * One line per request: at `info` when it changed something (a successful method other than GET and
 * HEAD), else at `debug`. In a flash sale nearly all requests are reads and refusals: the metrics
 * count them, and a line (8 µs) for each would cost a tenth of the throughput exactly when it is
 * short. Faults (5xx) are logged with their cause by the problem filter.
 */
export function logRequests(server: FastifyInstance, pino: Pino): void {
  const log = pino.child({ context: 'Request' });
  server.addHook('onResponse', (request, reply, done) => {
    const level = changedSomething(request, reply) ? 'info' : 'debug';
    if (log.isLevelEnabled(level)) log[level](describeRequest(request, reply), 'request');
    done();
  });
}

function changedSomething({ method }: FastifyRequest, { statusCode }: FastifyReply): boolean {
  return method !== 'GET' && method !== 'HEAD' && statusCode < 400;
}

/** The route pattern, not the URL: a URL may carry what somebody put into its query by mistake. */
function describeRequest(request: FastifyRequest, reply: FastifyReply) {
  // Set by the guard of src/auth, which this folder must not know.
  const { identity } = request as { identity?: { userId: string } };
  return {
    method: request.method,
    route: request.routeOptions.url ?? 'unknown',
    params: request.params,
    status: reply.statusCode,
    durationMs: Math.round(reply.elapsedTime * 10) / 10,
    traceId: request.id,
    ip: request.ip,
    userId: identity?.userId,
  };
}

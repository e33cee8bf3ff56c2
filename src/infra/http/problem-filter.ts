import { Catch, type ArgumentsHost, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError, problems, type ProblemCode } from '../../kernel';
import { traceIdOf } from './request';
import type { RouteTable } from './route-table';
import { toProblem } from './to-problem';

/** During an outage every request fails for the same reason: one line a second says so. */
const outageLogIntervalMs = 1_000;

/** The one place where a failure becomes an answer: `application/problem+json` of RFC 9457. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('Problem');
  private outageLoggedAt = -Infinity;
  private outagesUnlogged = 0;

  constructor(private readonly routes: RouteTable) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const problem = this.forUnknownRoute(toProblem(error), request);
    this.log(problem, request);
    // An event stream that already began cannot become a problem any more.
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    answerProblem(problem, request, reply);
  }

  /** A path that exists under another method is 405, not 404. */
  private forUnknownRoute(problem: ProblemError, request: FastifyRequest): ProblemError {
    if (problem.code !== 'NOT_FOUND' || !request.is404) return problem;
    const methods = this.routes.methodsOf(request.url);
    if (methods.length === 0) return problem;
    return new ProblemError('METHOD_NOT_ALLOWED', `This path answers to ${methods.join(', ')}.`, {
      headers: { Allow: methods.join(', ') },
    });
  }

  private log(problem: ProblemError, request: FastifyRequest): void {
    const line = {
      traceId: traceIdOf(request), method: request.method, route: request.routeOptions.url,
      code: problem.code, err: problem.cause ?? problem,
    };
    if (problem.code === 'INTERNAL_ERROR') {
      this.logger.error({ msg: 'request failed', ...line });
    } else if (problem.code === 'TEMPORARILY_UNAVAILABLE') {
      const now = performance.now();
      if (now - this.outageLoggedAt < outageLogIntervalMs) {
        this.outagesUnlogged += 1;
        return;
      }
      const { outagesUnlogged } = this;
      this.logger.warn({ msg: 'request refused', ...line, outagesUnlogged });
      this.outageLoggedAt = now;
      this.outagesUnlogged = 0;
    }
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** With which problem the request was answered, if with any. */
    problemCode?: ProblemCode;
  }
}

/** Sends the problem, for places where nothing can be thrown. */
export function answerProblem(
  problem: ProblemError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  request.problemCode = problem.code;
  void reply.code(problem.status).headers(problem.headers)
    .header('content-type', 'application/problem+json')
    .send(JSON.stringify(problemDocument(problem, traceIdOf(request))));
}

/** The document that the caller reads. `code` is the stable name; `type` is its URI form. */
export function problemDocument(problem: ProblemError, traceId: string): Record<string, unknown> {
  const { code, status, detail, members } = problem;
  return {
    type: problemType(code), title: problems[code].title, status, detail, code, traceId, ...members,
  };
}

/** `urn:fairdrop:problem:sold-out`: a name, not an address, so that it never breaks. */
function problemType(code: string): string {
  return `urn:fairdrop:problem:${code.toLowerCase().replaceAll('_', '-')}`;
}

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type DynamicModule, UnsupportedMediaTypeException } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AppConfig } from '../../config';
import { AddressRanges, remember } from '../../kernel';
import { onBehalfOfBuyer } from '../database';
import { logRequests, StructuredLogger } from '../logging';
import { allowOrigins } from './cross-origin';
import { answerProblem, ProblemFilter } from './problem-filter';
import { newTraceId, traceIdOf } from './request';
import { RouteTable } from './route-table';
import { securityHeaders } from './security-headers';
import { bodyBytesAtMost, toProblem } from './to-problem';
import { refuseUnread } from './unread-request';

/** A request must have arrived by then, head and body: slow senders hold no socket longer. */
const requestTimeoutMs = 10_000;
/** How late a slow sender may be noticed; Node's own 30 s would let him stay four times as long. */
const connectionCheckMs = 1_000;
/** Longer than the idle time-out of the usual load balancers (60 s), so that they close first. */
const keepAliveTimeoutMs = 65_000;

/** What an HTTP application needs to know of the configuration. */
export type HttpConfig = Pick<AppConfig,
  'trustProxy' | 'corsOrigins' | 'maxConnections' | 'nodeEnv' | 'publicUrl'>;

/**
 * An application of this module on Fastify, wired but not yet initialised or listening: problems,
 * trace ids, security headers, CORS, JSON bodies only (with their raw bytes for webhooks), the
 * request log.
 * Several may live in one process.
 */
export async function createHttpApplication(
  module: DynamicModule,
  config: HttpConfig,
  logger: StructuredLogger,
): Promise<NestFastifyApplication> {
  const headers = securityHeaders(config);
  const adapter = createAdapter(config, headers);
  const server = adapter.getInstance<FastifyInstance>();
  const routes = new RouteTable(server);
  const application = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    bodyParser: false, abortOnError: false, logger,
  });
  application.useGlobalFilters(new ProblemFilter(routes));
  acceptOnlyJson(adapter);
  server.addHook('onRequest', (request, reply, done) => {
    addHeaders(headers, request, reply);
    done();
  });
  // Once the body has been read: it is read in nobody's name.
  server.addHook('preHandler', (request, _reply, done) => {
    // Not by the URL as it was sent: the router knows a path also by percent-encoded letters.
    if (request.routeOptions.url?.startsWith('/v1/')) onBehalfOfBuyer(done);
    else done();
  });
  allowOrigins(server, config);
  logRequests(server, logger.pino);
  // Without the second, processes that share a port and are all full would hand a connection round.
  Object.assign(server.server, { maxConnections: config.maxConnections, dropMaxConnection: true });
  closeRestingConnections(server);
  return application;
}

type Headers = Readonly<Record<string, string>>;

/** Adds what every answer carries. */
function addHeaders(headers: Headers, request: FastifyRequest, reply: FastifyReply): void {
  reply.headers(headers).header('x-trace-id', traceIdOf(request));
}

function createAdapter({ trustProxy }: HttpConfig, headers: Headers): FastifyAdapter {
  const trusted = new AddressRanges(trustProxy);
  // The peers of the sockets are the same few proxies all the time.
  const isTrustedPeer = remember((address: string) => trusted.includes(address));
  const isTrusted = (address: string, hop: number) =>
    hop === 0 ? isTrustedPeer(address) : trusted.includes(address);
  return new FastifyAdapter({
    bodyLimit: bodyBytesAtMost,
    trustProxy: trustProxy.length > 0 && isTrusted,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    http: { headersTimeout: requestTimeoutMs, connectionsCheckingInterval: connectionCheckMs },
    // While it closes, a request on an open connection is still answered, with Connection: close.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    genReqId: newTraceId,
    requestIdHeader: false,
    // The router refuses an unreadable path before any hook and anything of Nest sees it.
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      addHeaders(headers, request, reply);
      answerProblem(toProblem(error), request, reply);
    },
    clientErrorHandler: (error, socket) => { refuseUnread(error, socket, headers); },
    // A device id in a path has up to 128 characters, more when they are percent-encoded.
    routerOptions: { maxParamLength: 512 },
    // No Express-style middleware here: its plugin would run on every request for nothing.
    skipMiddie: true,
  });
}

/** JSON is UTF-8 (source: RFC 8259 section 8.1). */
const otherCharset = /;\s*charset\s*=\s*"?(?!utf-?8\b)/i;

/**
 * Every other media type or charset is 415. An empty body is no body, whatever its media type says.
 */
function acceptOnlyJson(adapter: FastifyAdapter): void {
  const server = adapter.getInstance();
  server.removeAllContentTypeParsers();
  const parseJson = server.getDefaultJsonParser('error', 'error');
  adapter.useBodyParser('application/json', true, { bodyLimit: bodyBytesAtMost },
    (request, body, done) => {
      if (body.length === 0) done(null, undefined);
      else if (otherCharset.test(request.headers['content-type'] ?? '')) {
        done(new UnsupportedMediaTypeException());
      } else void parseJson(request, body as unknown as string, done);
    });
}

/**
 * When it closes, Node ends the connections that are between two requests, and would wait for all others:
 * those that have sent nothing, such as a browser opens in advance; those that rest after the answer which
 * is on its way now; those that never end what they have begun to send.
 */
function closeRestingConnections(server: FastifyInstance): void {
  const connections = new Set<Socket>();
  server.server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  server.addHook('preClose', (done) => {
    for (const socket of connections) {
      const response = responseOn(socket);
      if (response) response.shouldKeepAlive = false;
      else if (socket.bytesRead === 0) socket.destroy();
    }
    setTimeout(() => {
      for (const socket of connections) if (!responseOn(socket)) socket.destroy();
    }, requestTimeoutMs).unref();
    done();
  });
}

/** The answer that is being made on a connection; only Node's own field says so. */
function responseOn(socket: Socket): ServerResponse | undefined {
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
}

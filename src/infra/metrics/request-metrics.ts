import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Metrics } from './metrics';

const statusClasses = ['1xx', '1xx', '2xx', '3xx', '4xx', '5xx'];

/** Measures every request, refused ones included, when its answer is out. */
@Injectable()
export class RequestMetrics implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost, private readonly metrics: Metrics) {}

  onModuleInit(): void {
    const server = this.host.httpAdapter.getInstance<FastifyInstance>();
    server.addHook('onResponse', (request, reply, done) => {
      this.metrics.httpRequestDurationSeconds.observe({
        method: request.method,
        // Never the URL: every unknown path would become a series of its own.
        route: request.routeOptions.url ?? 'unknown',
        status: statusClasses[Math.floor(reply.statusCode / 100)] ?? '5xx',
      }, reply.elapsedTime / 1_000);
      done();
    });
  }
}

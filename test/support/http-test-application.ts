import { Controller, Get, HttpCode, Module, Post, RawBody, Req } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  clientIpOf, createHttpApplication, Describe, IdempotencyKey, PathId, PreferredWaitSeconds, Public,
  traceIdOf, ValidBody, ValidQuery,
} from '../../src/infra/http';
import { createLogger, StructuredLogger } from '../../src/infra/logging';
import { ProblemError } from '../../src/kernel';
import { testConfig } from './stack';

const body = z.strictObject({ quantity: z.int().min(1).max(1000), note: z.string().optional() })
  .meta({ id: 'TestPurchase', examples: [{ quantity: 1 }] });
const query = z.strictObject({ limit: z.coerce.number().int().min(1).max(100).default(20) });
const route = { summary: 'A test', tag: 'test', answers: { 200: { description: 'Done.' } } };

const failures: Record<string, () => Error> = {
  problem: () => new ProblemError('SALE_NOT_OPEN', 'Opens later.', {
    headers: { 'Retry-After': '7' }, members: { opensAt: 5 },
  }),
  bug: () => new TypeError('password is hunter2'),
  database: () => Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' }),
  redis: () => Object.assign(new Error('Gave up'), { name: 'MaxRetriesPerRequestError' }),
  memory: () => new Error("OOM command not allowed when used memory > 'maxmemory'."),
};

/** `GET /slow` reports its start and waits until it may finish. */
export const slow = {
  started: Promise.withResolvers<void>(), finish: Promise.withResolvers<void>(),
};

@Public()
@Controller()
class TestController {
  @Post('sales/:saleId/orders')
  @HttpCode(202)
  @Describe(route)
  buy(
    @PathId('saleId') saleId: string, @ValidBody(body) purchase: z.infer<typeof body>,
    @IdempotencyKey() key: string, @PreferredWaitSeconds() waitSeconds: number,
  ) {
    return { saleId, purchase, key, waitSeconds };
  }

  @Post('cancel')
  @Describe(route)
  cancel() {
    return { cancelled: true };
  }

  @Post('raw')
  @Describe({ ...route, body })
  raw(@RawBody() raw: Buffer) {
    return { raw: raw.toString() };
  }

  @Get('list')
  @Describe(route)
  list(@ValidQuery(query) { limit }: z.infer<typeof query>) {
    return { limit };
  }

  @Get('who')
  @Describe(route)
  who(@Req() request: FastifyRequest) {
    return { traceId: traceIdOf(request), ip: clientIpOf(request) };
  }

  @Get('slow')
  @Describe(route)
  async slow() {
    slow.started.resolve();
    await slow.finish.promise;
    return { done: true };
  }

  @Get('fail/:name')
  @Describe(route)
  fail(@PathId('name') name: string): never {
    throw failures[name]?.() ?? new Error('no such failure');
  }
}

@Module({ controllers: [TestController] })
class TestModule {}

type LogLine = Record<string, unknown>;

/** A small application on a free port that does everything a controller can do wrong. */
export class HttpTestApplication {
  private constructor(
    readonly application: NestFastifyApplication,
    readonly url: string,
    /** Every line logged so far, `debug` included. */
    readonly logLines: readonly LogLine[],
  ) {}

  static async start(environment: Record<string, string> = {}): Promise<HttpTestApplication> {
    const logLines: LogLine[] = [];
    const lines = { write: (line: string) => { logLines.push(JSON.parse(line) as LogLine); } };
    const logger = new StructuredLogger(createLogger('debug', lines));
    const config = testConfig({ DATABASE_URL: 'mysql://127.0.0.1/unused',
      TRUST_PROXY: '10.0.0.0/8', ...environment });
    const application = await createHttpApplication({ module: TestModule }, config, logger);
    await application.listen(0, '127.0.0.1');
    return new HttpTestApplication(application, await application.getUrl(), logLines);
  }

  async ask(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(this.url + path, init);
    const text = await response.text();
    return {
      status: response.status, headers: response.headers,
      body: text === '' ? {} : JSON.parse(text) as Record<string, unknown>,
    };
  }

  /** What a browser asks before it lets a page of that origin call. */
  preflight(path: string, origin: string, method: string, headers: string) {
    return this.ask(path, { method: 'OPTIONS', headers: { origin,
      'access-control-request-method': method, 'access-control-request-headers': headers } });
  }

  post(path: string, body: string | undefined, headers: Record<string, string> = {}) {
    const usual = { 'content-type': 'application/json', 'idempotency-key': 'k' };
    return this.ask(path, { method: 'POST', body, headers: { ...usual, ...headers } });
  }
}

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

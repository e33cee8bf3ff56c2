import { connect } from 'node:net';
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
  redis: () => Object.assign(new Error('Reached the max retries'), { name: 'MaxRetriesPerRequestError' }),
  memory: () => new Error("OOM command not allowed when used memory > 'maxmemory'."),
};

const { promise: started, resolve: reportStart } = Promise.withResolvers<void>();
const { promise: finished, resolve: finish } = Promise.withResolvers<void>();

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
    reportStart();
    await finished;
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

const logLines: Record<string, unknown>[] = [];
let application: NestFastifyApplication;
let url: string;

beforeAll(async () => {
  const lines = { write: (line: string) => { logLines.push(JSON.parse(line) as Record<string, unknown>); } };
  const logger = new StructuredLogger(createLogger('debug', lines));
  application = await createHttpApplication({ module: TestModule }, { trustProxy: ['10.0.0.0/8'] }, logger);
  await application.listen(0, '127.0.0.1');
  url = await application.getUrl();
});

afterAll(async () => { await application.close(); });

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url + path, init);
  const text = await response.text();
  return {
    status: response.status, headers: response.headers,
    body: text === '' ? {} : JSON.parse(text) as Record<string, unknown>,
  };
}

function post(path: string, text: string | undefined, headers: Record<string, string> = {}) {
  return ask(path, {
    method: 'POST', body: text,
    headers: { 'content-type': 'application/json', 'idempotency-key': 'k', ...headers },
  });
}

describe('a problem document', () => {
  it('has the members of RFC 9457, the code, the trace id and what the problem adds', async () => {
    const answer = await ask('/fail/problem');
    expect(answer.status).toBe(409);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.headers.get('retry-after')).toBe('7');
    expect(answer.body).toEqual({
      type: 'urn:fairdrop:problem:sale-not-open', title: 'The sale has not opened yet', status: 409,
      detail: 'Opens later.', code: 'SALE_NOT_OPEN', opensAt: 5,
      traceId: answer.headers.get('x-trace-id'),
    });
  });

  it('never shows what an unexpected error says, but logs it with its stack', async () => {
    const answer = await ask('/fail/bug');
    expect(answer).toMatchObject({ status: 500, body: { code: 'INTERNAL_ERROR' } });
    expect(JSON.stringify(answer.body)).not.toMatch(/hunter2|TypeError|\.ts/);
    const line = logLines.find(({ traceId }) => traceId === answer.body['traceId']);
    expect(line).toMatchObject({ level: 50, err: { message: 'password is hunter2' } });
    expect((line?.['err'] as { stack: string }).stack).toContain('http-problems.spec');
  });

  it.each(['database', 'redis', 'memory'])('says 503 with Retry-After when it lost its %s', async (name) => {
    const answer = await ask(`/fail/${name}`);
    expect(answer).toMatchObject({ status: 503, body: { code: 'TEMPORARILY_UNAVAILABLE' } });
    expect(answer.headers.get('retry-after')).toBe('1');
  });
});

describe('a request that fits no route', () => {
  it('is 404 when the path is unknown', async () => {
    expect(await ask('/nothing')).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    expect(await ask('/sales//orders', { method: 'POST' })).toMatchObject({ status: 404 });
  });

  it('is 405 with Allow when the path exists under another method', async () => {
    const answer = await ask('/sales/s1/orders?x=1', { method: 'DELETE' });
    expect(answer).toMatchObject({ status: 405, body: { code: 'METHOD_NOT_ALLOWED' } });
    expect(answer.headers.get('allow')).toBe('POST');
    expect((await ask('/list', { method: 'PUT' })).headers.get('allow')).toBe('GET, HEAD');
  });

  it.each(['/fail/%zz', `/fail/${'a'.repeat(600)}`])('is 400 for the unreadable path %s', async (path) => {
    expect(await ask(path)).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
  });
});

describe('a body', () => {
  const path = '/sales/s1/orders';

  it('reaches the handler when it fits the schema', async () => {
    const answer = await post(path, '{"quantity":2}', { prefer: 'respond-async, wait=5' });
    expect(answer).toMatchObject({
      status: 202, body: { saleId: 's1', purchase: { quantity: 2 }, key: 'k', waitSeconds: 5 },
    });
  });

  it.each([
    ['a field of the wrong type', '{"quantity":"2"}', 'quantity'],
    ['a number that JSON knows and we do not', '{"quantity":1e400}', 'quantity'],
    ['an unknown field', '{"quantity":1,"userId":"eve"}', 'userId'],
    ['no object', '[]', ''],
    ['nothing', '', ''],
    ['broken JSON', '{"quantity":', ''],
    ['a prototype', '{"quantity":1,"__proto__":{"admin":true}}', ''],
    ['a constructor', '{"quantity":1,"constructor":{"prototype":{"admin":true}}}', ''],
  ])('with %s is 400 and names the field', async (_name, text, field) => {
    const answer = await post(path, text);
    expect(answer).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
    expect(answer.body['errors']).toEqual([{ path: field, message: expect.any(String) }]);
  });

  it('is asked for when there is none at all', async () => {
    const answer = await ask(path, { method: 'POST', headers: { 'idempotency-key': 'k' } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'nonsense'])(
    'of the media type %s is 415', async (type) => {
      expect(await post(path, 'quantity=1', { 'content-type': type }))
        .toMatchObject({ status: 415, body: { code: 'UNSUPPORTED_MEDIA_TYPE' } });
    });

  it('of more than 16 KiB is 413, announced or not', async () => {
    const large = JSON.stringify({ quantity: 1, note: 'x'.repeat(16 * 1024) });
    expect(await post(path, large)).toMatchObject({ status: 413, body: { code: 'BODY_TOO_LARGE' } });
    const streamed: RequestInit & { duplex: 'half' } = {
      method: 'POST', body: new Blob([large]).stream(), duplex: 'half',
      headers: { 'content-type': 'application/json' },
    };
    expect(await ask(path, streamed))
      .toMatchObject({ status: 413, body: { code: 'BODY_TOO_LARGE' } });
  });

  it('may be empty where none is needed, also with a JSON media type', async () => {
    expect(await post('/cancel', undefined)).toMatchObject({ status: 201, body: { cancelled: true } });
  });

  it('is there in its very bytes for a signature', async () => {
    expect(await post('/raw', '{ "quantity" : 1 }')).toMatchObject({ body: { raw: '{ "quantity" : 1 }' } });
  });
});

describe('the other inputs', () => {
  it('reads a query with its defaults and refuses what is unknown', async () => {
    expect((await ask('/list')).body).toEqual({ limit: 20 });
    expect((await ask('/list?limit=5')).body).toEqual({ limit: 5 });
    expect(await ask('/list?limit=500')).toMatchObject({ status: 400, body: { errors: [{ path: 'limit' }] } });
    expect(await ask('/list?all=1')).toMatchObject({ status: 400, body: { errors: [{ path: 'all' }] } });
  });

  it('refuses an id in the path that is none', async () => {
    expect(await ask('/fail/a%20b')).toMatchObject({ status: 400, body: { errors: [{ path: 'name' }] } });
  });

  it('names a missing Idempotency-Key and refuses a malformed one', async () => {
    const headers = { 'content-type': 'application/json' };
    const missing = await ask('/sales/s1/orders', { method: 'POST', body: '{"quantity":1}', headers });
    expect(missing).toMatchObject({ status: 400, body: { code: 'IDEMPOTENCY_KEY_MISSING' } });
    const malformed = await post('/sales/s1/orders', '{"quantity":1}', { 'idempotency-key': 'a b' });
    expect(malformed).toMatchObject({ status: 400, body: { errors: [{ path: 'Idempotency-Key' }] } });
  });

  it.each([['wait=99999', 30], ['wait=x', 0], ['handling=lenient', 0], ['', 0]])(
    'reads Prefer: %s as %i seconds', async (prefer, waitSeconds) => {
      const answer = await post('/sales/s1/orders', '{"quantity":1}', { prefer });
      expect(answer.body).toMatchObject({ waitSeconds });
    });
});

describe('who asks', () => {
  it('keeps the trace id of the caller, and makes one when it is not valid', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const traced = await ask('/who', { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } });
    expect(traced.body['traceId']).toBe(traceId);
    expect(traced.headers.get('x-trace-id')).toBe(traceId);
    const untraced = await ask('/who', { headers: { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` } });
    expect(untraced.body['traceId']).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
  });

  it('does not believe X-Forwarded-For of a peer that is no trusted proxy', async () => {
    const answer = await ask('/who', { headers: { 'x-forwarded-for': '6.6.6.6' } });
    expect(answer.body['ip']).toBe('127.0.0.1');
  });

  it('logs one line for a request that changed something, without query, headers or body', async () => {
    const { headers } = await post('/cancel?token=abc', '{"secret":"s3cr3t"}', { authorization: 'Bearer xyz' });
    const lines = logLines.filter(({ traceId }) => traceId === headers.get('x-trace-id'));
    expect(lines).toMatchObject([
      { level: 30, method: 'POST', route: '/cancel', status: 201, durationMs: expect.any(Number), ip: '127.0.0.1' },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/abc|s3cr3t|xyz/);
  });
});

describe('closing', () => {
  it('waits for the requests in flight, not for connections that ask nothing', async () => {
    const second = await createHttpApplication(
      { module: TestModule }, { trustProxy: [] }, new StructuredLogger(createLogger('silent')));
    await second.listen(0, '127.0.0.1');
    const idle = connect(Number(new URL(await second.getUrl()).port), '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    const inFlight = fetch(`${await second.getUrl()}/slow`);
    await started;
    const closed = second.close();
    finish();
    expect((await inFlight).status).toBe(200);
    await closed;
    idle.destroy();
  });
});

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { HttpTestApplication } from '../support/http-test-application';
import { until } from '../support/until';

let test: HttpTestApplication;

beforeAll(async () => { test = await HttpTestApplication.start(); });
afterAll(async () => { await test.application.close(); });

describe('a problem document', () => {
  it('has the members of RFC 9457, the code, the trace id and what the problem adds', async () => {
    const answer = await test.ask('/fail/problem');
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
    const answer = await test.ask('/fail/bug');
    expect(answer).toMatchObject({ status: 500, body: { code: 'INTERNAL_ERROR' } });
    expect(JSON.stringify(answer.body)).not.toMatch(/hunter2|TypeError|\.ts/);
    const line = test.logLines.find(({ traceId }) => traceId === answer.body['traceId']);
    expect(line).toMatchObject({ level: 50, err: { message: 'password is hunter2' } });
    expect((line?.['err'] as { stack: string }).stack).toContain('http-test-application');
  });

  it.each(['database', 'redis', 'memory'])(
    'says 503 with Retry-After when it lost its %s', async (name) => {
      const answer = await test.ask(`/fail/${name}`);
      expect(answer).toMatchObject({ status: 503, body: { code: 'TEMPORARILY_UNAVAILABLE' } });
      expect(answer.headers.get('retry-after')).toBe('1');
    });
});

describe('a request that fits no route', () => {
  it('is 404 when the path is unknown', async () => {
    expect(await test.ask('/nothing')).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    expect(await test.ask('/sales//orders', { method: 'POST' })).toMatchObject({ status: 404 });
  });

  it('is 405 with Allow when the path exists under another method', async () => {
    const answer = await test.ask('/sales/s1/orders?x=1', { method: 'DELETE' });
    expect(answer).toMatchObject({ status: 405, body: { code: 'METHOD_NOT_ALLOWED' } });
    expect(answer.headers.get('allow')).toBe('POST');
    expect((await test.ask('/list', { method: 'PUT' })).headers.get('allow')).toBe('GET, HEAD');
  });

  it.each([['malformed', '/fail/%zz'], ['endless', `/fail/${'a'.repeat(600)}`]])(
    'is 400 when the path is %s', async (_name, path) => {
      const answer = await test.ask(path);
      expect(answer).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
    });
});

describe('a body', () => {
  const path = '/sales/s1/orders';

  it('reaches the handler when it fits the schema', async () => {
    const answer = await test.post(path, '{"quantity":2}', { prefer: 'respond-async, wait=5' });
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
    const answer = await test.post(path, text);
    expect(answer).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
    expect(answer.body['errors']).toEqual([{ path: field, message: expect.any(String) }]);
  });

  it('is asked for when there is none at all', async () => {
    const answer = await test.ask(path, { method: 'POST', headers: { 'idempotency-key': 'k' } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'nonsense'])(
    'of the media type %s is 415', async (type) => {
      expect(await test.post(path, 'quantity=1', { 'content-type': type }))
        .toMatchObject({ status: 415, body: { code: 'UNSUPPORTED_MEDIA_TYPE' } });
    });

  it('of more than 16 KiB is 413, announced or not', async () => {
    const large = JSON.stringify({ quantity: 1, note: 'x'.repeat(16 * 1024) });
    expect(await test.post(path, large))
      .toMatchObject({ status: 413, body: { code: 'BODY_TOO_LARGE' } });
    const streamed: RequestInit & { duplex: 'half' } = {
      method: 'POST', body: new Blob([large]).stream(), duplex: 'half',
      headers: { 'content-type': 'application/json' },
    };
    expect(await test.ask(path, streamed))
      .toMatchObject({ status: 413, body: { code: 'BODY_TOO_LARGE' } });
  });

  it('that its sender breaks off is his doing, not an outage', async () => {
    const begun = once(test.application.getHttpServer(), 'request') as
      Promise<[IncomingMessage, ServerResponse]>;
    const socket = connect(Number(new URL(test.url).port), '127.0.0.1');
    socket.write('POST /cancel HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n'
      + 'Content-Length: 20\r\n\r\n{"quantity"');
    const [, response] = await begun;
    socket.destroy();
    await until('it is answered, though nobody hears it', async () => response.headersSent);
    expect(response.statusCode).toBe(400);
  });

  it('may be empty where none is needed, also with a JSON media type', async () => {
    expect(await test.post('/cancel', undefined))
      .toMatchObject({ status: 201, body: { cancelled: true } });
  });

  it('is there in its very bytes for a signature', async () => {
    const bytes = '{ "quantity" : 1 }';
    expect(await test.post('/raw', bytes)).toMatchObject({ body: { raw: bytes } });
  });
});

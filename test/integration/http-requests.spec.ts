import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { HttpTestApplication, slow } from '../support/http-test-application';
import { until } from '../support/until';

let test: HttpTestApplication;

beforeAll(async () => { test = await HttpTestApplication.start(); });
afterAll(async () => { await test.application.close(); });

function refusalOf(field: string) {
  return { status: 400, body: { code: 'VALIDATION_FAILED', errors: [{ path: field }] } };
}

function traced(traceId: string) {
  return test.ask('/who', { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } });
}

describe('the other inputs', () => {
  const path = '/sales/s1/orders';

  it('reads a query with its defaults and refuses what is unknown', async () => {
    expect((await test.ask('/list')).body).toEqual({ limit: 20 });
    expect((await test.ask('/list?limit=5')).body).toEqual({ limit: 5 });
    expect(await test.ask('/list?limit=500')).toMatchObject(refusalOf('limit'));
    expect(await test.ask('/list?all=1')).toMatchObject(refusalOf('all'));
  });

  it('refuses an id in the path that is none', async () => {
    expect(await test.ask('/fail/a%20b')).toMatchObject(refusalOf('name'));
  });

  it('names a missing Idempotency-Key and refuses a malformed one', async () => {
    const headers = { 'content-type': 'application/json' };
    const missing = await test.ask(path, { method: 'POST', body: '{"quantity":1}', headers });
    expect(missing).toMatchObject({ status: 400, body: { code: 'IDEMPOTENCY_KEY_MISSING' } });
    const malformed = await test.post(path, '{"quantity":1}', { 'idempotency-key': 'a b' });
    expect(malformed).toMatchObject(refusalOf('Idempotency-Key'));
  });

  it.each([['wait=99999', 20], ['wait=x', 0], ['handling=lenient', 0], ['', 0]])(
    'reads Prefer: %s as %i seconds', async (prefer, waitSeconds) => {
      const answer = await test.post(path, '{"quantity":1}', { prefer });
      expect(answer.body).toMatchObject({ waitSeconds });
    });
});

describe('who asks', () => {
  it('keeps the trace id of the caller, and makes one when it is not valid', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const valid = await traced(traceId);
    expect(valid.body['traceId']).toBe(traceId);
    expect(valid.headers.get('x-trace-id')).toBe(traceId);
    const invalid = await traced('0'.repeat(32));
    expect(invalid.body['traceId']).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
  });

  it('does not believe X-Forwarded-For of a peer that is no trusted proxy', async () => {
    const answer = await test.ask('/who', { headers: { 'x-forwarded-for': '6.6.6.6' } });
    expect(answer.body['ip']).toBe('127.0.0.1');
  });

  it('logs one line for a change, without query, headers and body', async () => {
    const { headers } = await test.post(
      '/cancel?token=abc', '{"secret":"s3cr3t"}', { authorization: 'Bearer xyz' });
    // It is written when the answer is out.
    const lines = await until('the request is logged', async () => {
      const own = test.logLines.filter(({ traceId }) => traceId === headers.get('x-trace-id'));
      return own.length > 0 && own;
    });
    expect(lines).toMatchObject([
      { level: 30, method: 'POST', route: '/cancel', status: 201, ip: '127.0.0.1' },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/abc|s3cr3t|xyz/);
  });
});

describe('closing', () => {
  it('waits for the requests in flight, not for connections that ask nothing', async () => {
    const second = await HttpTestApplication.start();
    const idle = connect(Number(new URL(second.url).port), '127.0.0.1');
    idle.on('error', () => undefined); // it is broken off, as cleanly as it may be
    await new Promise((resolve) => idle.once('connect', resolve));
    const inFlight = second.ask('/slow');
    await slow.started.promise;
    const closed = second.application.close();
    slow.finish.resolve();
    expect((await inFlight).status).toBe(200);
    await closed;
    idle.destroy();
  });

  it('ends a connection with the answer that is on its way, though its client would keep it', async () => {
    const second = await HttpTestApplication.start();
    Object.assign(slow, { started: Promise.withResolvers(), finish: Promise.withResolvers() });
    const agent = new Agent({ keepAlive: true });
    const answered = once(get(`${second.url}/slow`, { agent }), 'response');
    await slow.started.promise;
    const closed = second.application.close();
    await until('nobody can connect', async () => !second.application.getHttpServer().listening);
    slow.finish.resolve();
    const [answer] = await answered as [IncomingMessage];
    expect(answer.headers.connection).toBe('close');
    answer.resume();
    await closed;
    agent.destroy();
  });

  it('does not wait for a request that never ends', async () => {
    const second = await HttpTestApplication.start();
    const socket = connect(Number(new URL(second.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    const [accepted] = await Promise.all([
      once(second.application.getHttpServer(), 'connection') as Promise<[Socket]>,
      new Promise((resolve) => socket.write('GET /slow HTTP/1.1\r\nHost: ', resolve)),
    ]);
    await until('half of it is there', async () => accepted[0].bytesRead > 0);
    await second.application.close();
    socket.destroy();
  });
});

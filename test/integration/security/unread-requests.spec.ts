import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { HttpTestApplication } from '../../support/http-test-application';

let test: HttpTestApplication;

beforeAll(async () => { test = await HttpTestApplication.start(); });
afterAll(async () => { await test.application.close(); });

/** What the server answers to these bytes, up to the end of the connection. */
async function answerTo(bytes: string) {
  const socket = connect(Number(new URL(test.url).port), '127.0.0.1');
  socket.write(bytes);
  const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
  return { head, body };
}

describe('what Node\'s parser refuses', () => {
  it.each([
    ['headers that are too large',
      `GET /who HTTP/1.1\r\nHost: shop\r\nCookie: ${'c'.repeat(20_000)}\r\n\r\n`,
      'The URL and the headers are larger than 16 KiB'],
    ['a header without a name',
      'GET /who HTTP/1.1\r\nHost: shop\r\n: x\r\n\r\n', 'This is no HTTP request that can be read'],
    ['two lengths', 'POST /cancel HTTP/1.1\r\nHost: shop\r\nContent-Length: 1\r\n'
      + 'Content-Length: 2\r\n\r\n{}', 'This is no HTTP request that can be read'],
    ['no HTTP at all', '\x16\x03\x01\x02\r\n\r\n', 'This is no HTTP request that can be read'],
  ])('is a problem document with a code and the usual headers: %s', async (_, bytes, message) => {
    const { head, body } = await answerTo(bytes);
    expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(head).toContain('content-type: application/problem+json');
    expect(head).toContain('x-content-type-options: nosniff');
    const problem = JSON.parse(body) as { traceId: string };
    expect(problem).toMatchObject({
      code: 'VALIDATION_FAILED', status: 400, errors: [{ path: '', message }] });
    expect(head).toContain(`x-trace-id: ${problem.traceId}`);
  });
});

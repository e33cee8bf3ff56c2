import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { problemDocument } from './problem-filter';
import { newTraceId } from './request';
import { validationFailed } from './validate';

/**
 * Answers what Node's parser could not make a request of, before Fastify hears of it: headers that
 * are too large, a malformed request, one that came too slowly. The connection ends with it.
 */
export function refuseUnread(
  error: NodeJS.ErrnoException, socket: Socket, headers: Readonly<Record<string, string>>,
): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const traceId = newTraceId({ headers: {} });
  const problem = validationFailed({ path: '', message: reasonOf(error) });
  const body = JSON.stringify(problemDocument(problem, traceId));
  const head = Object.entries({
    ...headers, 'x-trace-id': traceId, 'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body), 'connection': 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  if (socket.writable) {
    socket.write(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${head}\r\n${body}`);
  }
  socket.destroy();
}

function reasonOf({ code }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': return 'The URL and the headers are larger than 16 KiB';
    case 'ERR_HTTP_REQUEST_TIMEOUT': return 'The request did not arrive in time';
    default: return 'This is no HTTP request that can be read';
  }
}

import { pino, type DestinationStream, type Logger as Pino } from 'pino';
import type { AppConfig } from '../../config';

/** Lines wait at most this long in memory; a kill -9 loses what waits (the ledger is the truth). */
const flushIntervalMs = 200;
/** As much as a pipe takes in one piece: lines of processes that share one are never mixed. */
const pieceBytes = 4 * 1024;

/**
 * The JSON log of one process: one line per event on stdout, level as pino's number, `time` in
 * epoch milliseconds. Headers, bodies and tokens are never handed to it; the redaction is the
 * second lock. Lines are buffered, because a system call per line would cost more than the line;
 * what is left is written when the process exits.
 */
export function createLogger(
  level: AppConfig['logLevel'],
  destination: DestinationStream = bufferedOutput(),
): Pino {
  return pino({
    level,
    serializers: { err: describeError },
    redact: { paths: secretNames, censor: '[redacted]' },
  }, destination);
}

/** Members of a line, not of objects in it: a wildcard costs 16 µs a line, these cost nothing. */
const secretNames = [
  'authorization', 'cookie', 'token', 'secret', 'password', 'idempotencyKey', 'headers', 'body',
];

function bufferedOutput(): DestinationStream {
  const output = pino.destination({
    fd: 1, sync: false, minLength: pieceBytes - 1, maxWrite: pieceBytes,
  });
  setInterval(() => { output.flush(); }, flushIntervalMs).unref();
  return output;
}

/** How much of an error a line shows: never its other members, which may hold SQL parameters. */
interface LoggedError {
  type: string;
  message: string;
  code?: unknown;
  stack?: string;
  cause?: LoggedError;
}

function describeError(error: unknown): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  return {
    type: error.name,
    message: error.message,
    code: (error as { code?: unknown }).code,
    stack: error.stack,
    cause: error.cause === undefined ? undefined : describeError(error.cause),
  };
}

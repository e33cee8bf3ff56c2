import { setTimeout as sleep } from 'node:timers/promises';
import { ReplyError, type Redis } from 'ioredis';

const everyMs = 1_000;

/**
 * Gives a connection up whose server does not answer within this time: a socket to a host that is gone
 * or hangs looks sound until TCP gives up, many minutes later, while a new one might reach a server at
 * once. Ends with the connection.
 */
export function keepHeartbeat(connection: Redis, patienceMs: number): void {
  let isAsking = false;
  const timer = setInterval(() => {
    if (isAsking || connection.status !== 'ready') return;
    isAsking = true;
    void isAliveAtLast(connection, patienceMs).then((alive) => {
      isAsking = false;
      if (!alive && connection.status === 'ready') connection.disconnect(true);
    });
  }, everyMs).unref();
  connection.on('end', () => { clearInterval(timer); });
}

/** A process that was busy itself meets the end of its patience before the answer: it asks twice. */
async function isAliveAtLast(connection: Redis, patienceMs: number): Promise<boolean> {
  return await isAlive(connection, patienceMs) || await isAlive(connection, patienceMs);
}

/** Also a server that answers with an error is there. */
async function isAlive(connection: Redis, patienceMs: number): Promise<boolean> {
  const deadline = new AbortController();
  try {
    return await Promise.race([
      connection.ping().then(() => true, (error: unknown) => error instanceof ReplyError),
      sleep(patienceMs, false, { signal: deadline.signal }),
    ]);
  } finally {
    deadline.abort();
  }
}

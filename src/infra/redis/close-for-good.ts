import type { Redis } from 'ioredis';

/**
 * Closes the connection to a server that has left, and lets whoever waits for its end hear of it. The
 * library never says the end of one that is told to disconnect between two attempts: the next attempt
 * is then its last, whatever comes of it. Not for a connection by way of sentinels, whose attempts need
 * not end.
 */
export function closeForGood(connection: Redis): void {
  if (connection.status !== 'reconnecting') {
    connection.disconnect();
    return;
  }
  connection.options.retryStrategy = () => null;
  connection.once('connect', () => { connection.disconnect(); });
}

import type { RedisClient } from './redis-client';

/**
 * Rejects when a server is there and lets nobody in who comes like this: waiting ends that as little
 * as asking again. Never resolves. The message says what to set.
 */
export function refusalBy(connection: RedisClient): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  connection.on('error', (cause: NodeJS.ErrnoException) => {
    const remedy = remedyOf(cause);
    if (remedy === undefined) return;
    reject(new Error(`Redis lets nobody in like this (${cause.message}). ${remedy}`, { cause }));
  });
  return promise;
}

/** Undefined for faults that may pass by themselves. */
function remedyOf({ message, code = '' }: NodeJS.ErrnoException): string | undefined {
  if (/^(?:NOAUTH|WRONGPASS)\b/.test(message)) {
    return 'Put the user and the password that it wants into REDIS_URL: redis://user:password@host.';
  }
  // OpenSSL's words for a certificate that does not hold, and Node's for one of another host.
  if (/CERT|SIGNATURE/.test(code)) {
    return 'If its certificate is from an authority of your own, name the file with that one\'s '
      + 'certificate in NODE_EXTRA_CA_CERTS; it must be for the host in REDIS_URL.';
  }
  return undefined;
}

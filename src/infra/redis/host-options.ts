import { isIP } from 'node:net';
import type { RedisOptions } from 'ioredis';
import type { RedisHost } from '../../config';

/** For a connection to this host: how to reach it, and over TLS whose certificate it must show. */
export function hostOptions({ host, port }: RedisHost, isEncrypted: boolean): RedisOptions {
  // Behind one address there may be servers of several names.
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return { host, port, ...(isEncrypted && { tls: servername }) };
}

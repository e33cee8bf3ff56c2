import type { RedisOptions } from 'ioredis';
import type { RedisHost } from '../../config';

/** How to reach this host. */
export function hostOptions({ host, port }: RedisHost, isEncrypted: boolean): RedisOptions {
  return { host, port, ...(isEncrypted && { tls: {} }) };
}

import type { Redis } from 'ioredis';

/** How often this server has answered with an error of this kind, such as NOSCRIPT, since it started. */
export async function errorsOf(redis: Redis, kind: string): Promise<number> {
  const count = new RegExp(`^errorstat_${kind}:count=(\\d+)`, 'm');
  return Number(count.exec(await redis.info('errorstats'))?.[1] ?? 0);
}

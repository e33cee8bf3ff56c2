import { Cluster, type Redis } from 'ioredis';

/**
 * A way to a Redis: to one server, or to a Cluster, which sends each command to the master that has its
 * keys. All keys of one command, pipeline or transaction must be in one slot there.
 */
export type RedisClient = Redis | Cluster;

export function isCluster(client: RedisClient): client is Cluster {
  return client instanceof Cluster;
}

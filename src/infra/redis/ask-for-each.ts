import type { ChainableCommander } from 'ioredis';
import { isCluster, type RedisClient } from './redis-client';

type Reply = [error: Error | null, result: unknown];

/**
 * Sends the commands that `fill` adds for each item: in one write, or to a Cluster in one for each item,
 * whose keys must be in one slot. Resolves to the replies by item. Rejects when the server is away; of
 * a Cluster the commands to a node that is away have faults as their replies.
 */
export async function askForEach<Item>(connection: RedisClient, items: readonly Item[],
  fill: (pipeline: ChainableCommander, item: Item) => void): Promise<Reply[][]> {
  if (isCluster(connection)) {
    return Promise.all(items.map(async (item) => {
      const pipeline = connection.pipeline();
      fill(pipeline, item);
      return await pipeline.exec() ?? [];
    }));
  }
  const pipeline = connection.pipeline();
  const ends = items.map((item) => {
    fill(pipeline, item);
    return pipeline.length;
  });
  const replies = await pipeline.exec() ?? [];
  return ends.map((end, index) => replies.slice(ends[index - 1] ?? 0, end));
}

// What Redis holds.
import { Redis } from 'ioredis';

/** The bytes of its data now: of all its memory, what is not there for connections and files. */
export async function redisBytesOf(url) {
  const redis = new Redis(url);
  try {
    const info = await redis.info('memory');
    const [used, ...passing] = ['used_memory', 'mem_clients_normal', 'mem_aof_buffer']
      .map((name) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)[1]));
    return passing.reduce((bytes, more) => bytes - more, used);
  } finally {
    redis.disconnect();
  }
}

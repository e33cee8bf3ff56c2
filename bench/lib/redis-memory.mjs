// What Redis holds.
import { Redis } from 'ioredis';
import { keysOfSale } from './scripted-sale.mjs';

/** The bytes of its data now: of all its memory, what is not there for connections and files. */
export function redisBytesOf(url) {
  return asking(url, async (redis) => {
    const info = await redis.info('memory');
    const [used, ...passing] = ['used_memory', 'mem_clients_normal', 'mem_aof_buffer']
      .map((name) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)[1]));
    return passing.reduce((bytes, more) => bytes - more, used);
  });
}

/** The bytes of a sale's own keys, which stay as long as the sale. */
export function saleBytesOf(url, saleId) {
  return asking(url, async (redis) => {
    const sizes = await Promise.all(Object.values(keysOfSale(saleId)).map((key) =>
      redis.memory('USAGE', key, 'SAMPLES', 0)));
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  });
}

async function asking(url, question) {
  const redis = new Redis(url);
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

// The limit below everything: the product's own reserve script, sent to Redis by ioredis alone.
import { redisBytesOf } from '../lib/redis-memory.mjs';
import { overRounds } from '../lib/rounds.mjs';
import { ScriptedSale, startRedisAlone } from '../lib/scripted-sale.mjs';
import { median } from '../lib/statistics.mjs';

const connections = 64;
const batchSize = 100;
const batchesInFlight = 4;

export async function measureRedisScript({ say }, { rounds, commands }) {
  await using redis = await startRedisAlone();
  const ways = { [`${connections} connections, one command at a time`]: [connections, oneByOne],
    [`one connection, ${batchSize} commands sent together`]: [1, inBatches] };
  const runs = await overRounds({ say, name: 'Redis alone', rounds }, async (round) => {
    const run = {};
    for (const [way, [size, play]] of Object.entries(ways)) {
      const sale = new ScriptedSale(redis.url, size, `sale-${round}-${size}`);
      run[way] = await measure(redis, sale, commands, play);
      sale.close();
    }
    return run;
  });
  const rows = Object.keys(ways).map((way) => {
    const of = (key) => Math.round(median(runs.map((run) => run[way][key])));
    return { 'name': way, 'per second': of('perSecond'), 'CPU µs Redis': of('redisCpuMicroseconds'),
      'per second and core of Redis': Math.round(1e6 / of('redisCpuMicroseconds')),
      'bytes each': of('bytesEach') };
  });
  return { rows, runs };
}

/** Every command must hold a unit. */
async function measure(redis, sale, count, play) {
  await sale.open(count);
  const before = { bytes: await redisBytesOf(redis.url), cpuSeconds: redis.cpuSeconds() };
  const startedAt = performance.now();
  const held = await play(sale, count);
  const seconds = (performance.now() - startedAt) / 1_000;
  if (held !== count) throw new Error(`${held} of ${count} units were held`);
  return { perSecond: count / seconds,
    redisCpuMicroseconds: (redis.cpuSeconds() - before.cpuSeconds) / count * 1e6,
    bytesEach: (await redisBytesOf(redis.url) - before.bytes) / count };
}

async function oneByOne(sale, count) {
  let [next, held] = [0, 0];
  await Promise.all(sale.connections.map(async (_, connection) => {
    while (next < count) if (await sale.reserve(next++, connection) === 1) held += 1;
  }));
  return held;
}

/** ioredis sends what is asked in one tick as one piece, and Redis always has more to do. */
async function inBatches(sale, count) {
  let [next, held] = [0, 0];
  await Promise.all(Array.from({ length: batchesInFlight }, async () => {
    while (next < count) {
      const first = next;
      next = Math.min(count, first + batchSize);
      const codes = await Promise.all(Array.from({ length: next - first }, (_, index) =>
        sale.reserve(first + index, 0)));
      held += codes.filter((code) => code === 1).length;
    }
  }));
  return held;
}

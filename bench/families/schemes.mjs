// Five schemes to take units out of a stock in Redis, as texts on flash sales compare them: how many
// decisions a second, and how many units were promised that did not exist.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { overRounds } from '../lib/rounds.mjs';
import { ScriptedSale, startRedisAlone } from '../lib/scripted-sale.mjs';
import { median, percentiles } from '../lib/statistics.mjs';

const clients = 100;
const commandsPerAttempt = 16;
const attemptsPerUnit = 5;
/** Every hundredth purchase is held up in the middle, as by a collection of garbage. */
const slowEach = 100;
const slowMs = 15;
/** The short lock ends before a purchase that was held up; the long one does not. */
const shortLockMs = 5;
const longLockMs = 30_000;
const retryMs = 1;

/** It has a stock of its own, in which the other schemes take no part. */
const ours = 'the reserve script of this product';

const unlockOwn = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

/** Each tries to take one unit; resolves to whether it was promised. */
const schemes = {
  'GET, then SET': ({ redis, keys, number }) => getAndSet(redis, keys, number),
  [`the same under SET NX PX ${shortLockMs}, work of ${slowMs} ms at times`]:
    async ({ redis, keys, number }) => {
      await lock(redis, keys.lock, '1', shortLockMs);
      const isTaken = await getAndSet(redis, keys, number);
      await redis.del(keys.lock);
      return isTaken;
    },
  'the same under a lock that outlives the work, released by its owner':
    async ({ redis, keys, number }) => {
      const owner = randomUUID();
      await lock(redis, keys.lock, owner, longLockMs);
      const isTaken = await getAndSet(redis, keys, number);
      await redis.eval(unlockOwn, 1, keys.lock, owner);
      return isTaken;
    },
  'DECR, result not looked at': async ({ redis, keys }) => {
    await redis.decr(keys.stock);
    return true;
  },
  [ours]: async ({ sale, number, client }) =>
    await sale.reserve(number, client) === 1,
};

async function lock(redis, key, owner, expiryMs) {
  while (await redis.set(key, owner, 'PX', expiryMs, 'NX') === null) await sleep(retryMs);
}

async function getAndSet(redis, { stock }, number) {
  const left = Number(await redis.get(stock));
  if (number % slowEach === 0) await sleep(slowMs);
  if (left < 1) return false;
  await redis.set(stock, String(left - 1));
  return true;
}

export async function compareStockSchemes({ say }, { rounds, commands }) {
  const units = Math.ceil(commands / commandsPerAttempt / attemptsPerUnit);
  const attempts = units * attemptsPerUnit;
  await using redis = await startRedisAlone();
  const runs = await overRounds({ say, name: 'schemes', rounds }, async (round) => {
    const run = {};
    for (const scheme of Object.keys(schemes)) {
      run[scheme] = await play(redis, `${round}-${Object.keys(run).length}`,
        { scheme, units, attempts });
    }
    return run;
  });
  const rows = Object.keys(schemes).map((scheme) => {
    const of = (valueOf) => median(runs.map((run) => valueOf(run[scheme])));
    return { 'name': scheme, 'decisions per second': Math.round(of((run) => run.perSecond)),
      'p50 ms': Number(of((run) => run.latencyMs.p50).toFixed(1)),
      'p99 ms': Number(of((run) => run.latencyMs.p99).toFixed(1)),
      'units': units, 'promised': of((run) => run.promised),
      'oversold': of((run) => Math.max(0, run.promised - units)),
      'left in Redis': of((run) => run.left) };
  });
  return { clients, attempts, rows, runs };
}

/** All clients at once, each on a connection of its own, until every attempt has its answer. */
async function play({ url }, id, { scheme, units, attempts }) {
  const sale = new ScriptedSale(url, clients, `sale-${id}`);
  const keys = { stock: `stock-${id}`, lock: `lock-${id}` };
  await sale.open(units);
  await sale.connections[0].set(keys.stock, units);
  const tookMs = [];
  let [next, promised] = [0, 0];
  const startedAt = performance.now();
  await Promise.all(sale.connections.map(async (redis, client) => {
    while (next < attempts) {
      const number = next;
      next += 1;
      const askedAt = performance.now();
      if (await schemes[scheme]({ redis, sale, keys, number, client })) promised += 1;
      tookMs.push(performance.now() - askedAt);
    }
  }));
  const seconds = (performance.now() - startedAt) / 1_000;
  const [redis] = sale.connections;
  const left = await (scheme === ours
    ? redis.hget(sale.keys.meta, 'available') : redis.get(keys.stock));
  sale.close();
  return { perSecond: attempts / seconds, promised, left: Number(left),
    latencyMs: percentiles(tookMs) };
}

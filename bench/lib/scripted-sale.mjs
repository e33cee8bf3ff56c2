// The scripts of the stock module on a Redis of their own, without the product around them.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRedis } from '../../tools/lib/servers.mjs';
import { temporaryFolder } from './folders.mjs';
import { cpuSecondsOf } from './processes.mjs';
import { namespace, root } from './product.mjs';

const requireBuilt = createRequire(join(root, 'dist/src/'));
const { LuaCommands, readLuaScripts } = requireBuilt('./infra/redis');
const { gatherWrites } = requireBuilt('./infra/redis/gather-writes');
const { saleKeys } = requireBuilt('./stock/sale-keys');
const noEnd = 9e12;

export const keysOfSale = (saleId) => saleKeys(namespace, saleId);

/** A Redis of its own, as the product's servers run it; disposed of by who asked for it. */
export async function startRedisAlone() {
  await using started = new AsyncDisposableStack();
  const server = await startRedis({ dir: temporaryFolder(started) });
  started.defer(() => server.stop());
  const all = started.move();
  return { url: server.url, cpuSeconds: () => cpuSecondsOf(server.pid),
    [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** A sale, and so many connections that can sell its units. */
export class ScriptedSale {
  #commands;

  constructor(url, size, id) {
    const scripts = readLuaScripts(join(root, 'dist/src/stock/lua'));
    this.connections = Array.from({ length: size }, () => new Redis(url));
    for (const redis of this.connections) gatherWrites(redis);
    this.#commands = this.connections.map((redis) => new LuaCommands(redis, scripts));
    this.keys = keysOfSale(id);
  }

  /** Also waits for every connection, so that none is part of what is measured then. */
  async open(units) {
    await Promise.all(this.connections.map((redis) => redis.ping()));
    const { meta, records, users, due, outbox, adjustments, tokens } = this.keys;
    const run = (name, keys, ...args) => this.#commands[0].run(name, keys, args);
    await run('set-state', [meta], 'recovering', 'closer');
    await run('load-begin', [meta, records, users, due, outbox, adjustments, tokens],
      1, 'boot', units, 0, 1, 0, noEnd, 'relay', 'lua', 'closer');
    await run('open', [meta], 'closer', 'boot', 'open');
  }

  /** One unit for a buyer of his own, by one of the connections; resolves to the reply's code. */
  async reserve(number, connection) {
    const { meta, records, users, due, outbox, spent, tokens } = this.keys;
    const rid = `rid-${number}-of-the-benchmark`.padEnd(32, '0');
    const [code] = await this.#commands[connection].run('reserve',
      [meta, records, users, due, outbox, spent, tokens],
      [rid, `buyer-${number}`, 1, 'fingerprint', 'boot', 1, 10_000, '0'.repeat(32), '10.0.0.1',
        `device-of-buyer-${number}`, 0, '', '', 0, '']);
    return code;
  }

  close() {
    for (const redis of this.connections) redis.disconnect();
  }
}

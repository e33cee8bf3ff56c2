// What all families of scenarios stand on: one load generator, plain Fastify, and one site.
import { Generator } from './load.mjs';
import { startProgram, startSite } from './product.mjs';

/**
 * Programs that it starts are disposed of by whoever asked for them, the rest with itself. `options`:
 * see `startServers`.
 */
export async function startGround(say, options) {
  await using started = new AsyncDisposableStack();
  const generator = started.use(new Generator());
  const plain = await startProgram('bench/lib/plain-fastify.mjs', process.env);
  started.defer(() => plain.stop());
  const site = await startSite(options);
  started.defer(() => site.stop());
  const all = started.move();
  return { generator, plain, database: site.database, redisUrl: site.servers.environment.REDIS_URL,
    startApi: async (settings) => disposable(await site.startApi(settings)),
    say, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

const disposable = (program) => ({ ...program, [Symbol.asyncDispose]: () => program.stop() });

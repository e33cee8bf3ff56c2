#!/usr/bin/env node
/**
 * `npm start`: brings everything that the product needs, runs it, and keeps it running.
 * `--watch` (`npm run dev`) builds and restarts it when a source changes; `--verbose` shows its
 * whole log. Runs on Node 20 before anything is installed.
 */
import { join } from 'node:path';
import { Failure, say, sayError, step } from './lib/console.mjs';
import {
  dataFolder, embeddedServers, forgetRun, loadEnvironment, productEnvironment, recordRun,
} from './lib/environment.mjs';
import { tryLock } from './lib/lock.mjs';
import { nodeProgram, prepare, root } from './lib/packages.mjs';
import { run, stopOrphan, stopRunningCommands } from './lib/processes.mjs';
import { launchProduct } from './lib/product.mjs';
import { ensurePrograms } from './lib/programs.mjs';
import {
  createDatabaseFolder, isPortFree, keptPort, launchMariadb, launchRedis,
} from './lib/servers.mjs';
import { Supervisor } from './lib/supervisor.mjs';
import { watchSources } from './lib/watch.mjs';

const options = new Set(process.argv.slice(2));
// In the order of their start; they are stopped in the opposite one.
const supervisors = [];
let stopping = false;
let firstSignalMs = 0;

try {
  await start();
} catch (error) {
  // A step that our own stop cut short is no failure.
  if (!stopping) {
    sayError(error);
    await stop(1);
  }
}

async function start() {
  loadEnvironment();
  const folder = dataFolder();
  await becomeOnlyInstance(folder);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onStopSignal);
  // The reader of our output may go away; the product goes on.
  process.stdout.on('error', () => undefined);
  await stopLeftovers(folder);
  const port = await listeningPort();
  await prepare();
  const serverUrls = await startServers(folder);
  const environment = productEnvironment(folder, serverUrls);
  await migrate(environment);
  const launch = () => launchProduct({
    folder, environment, port, verbose: options.has('--verbose'),
  });
  const product = supervise('fairdrop', launch);
  const url = await step('starting fairdrop', () => product.start());
  recordRun(folder, { pid: process.pid, url, ...serverUrls });
  if (options.has('--watch')) watchSources(() => restart(product, environment));
  sayWelcome(folder, url, environment);
}

async function becomeOnlyInstance(folder) {
  const lock = await tryLock(join(folder, 'instance'));
  if (!('heldBy' in lock)) {
    process.on('exit', lock.release);
    return;
  }
  throw new Failure(`fairdrop already runs on ${folder} (process ${lock.heldBy}): stop it first,
or give this one a folder and a port of its own: DATA_DIR=… PORT=… npm start`);
}

/** Stops what a killed start left running: the product before the servers that it writes to. */
async function stopLeftovers(folder) {
  for (const name of ['app', 'redis', 'mariadb']) {
    const pid = await stopOrphan(join(folder, name));
    if (pid !== null) say(`stopped ${name} (process ${pid}), which an earlier start left behind`);
  }
}

/** @returns {Promise<number>} the port to serve on, free at this moment */
async function listeningPort() {
  const port = Number(process.env.PORT || 3000);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Failure('PORT must be an integer from 1 to 65535');
  }
  if (await isPortFree(port, process.env.HOST || '127.0.0.1')) return port;
  throw new Failure(`port ${port} is taken by another program: stop that one,
or choose another port: PORT=… npm start`);
}

/**
 * Starts the servers whose URL is not set.
 *
 * @returns {Promise<{ redisUrl: string, databaseUrl: string }>} the URLs of both
 */
async function startServers(folder) {
  const embedded = embeddedServers();
  const redisSettings = embedded.redis ? durabilitySettings() : [];
  await ensurePrograms(embedded);
  const urls = { redisUrl: process.env.REDIS_URL, databaseUrl: process.env.DATABASE_URL };
  if (embedded.database) {
    const dir = join(folder, 'mariadb');
    const port = await keptPort(dir);
    await step('starting MariaDB', async () => {
      await createDatabaseFolder(dir);
      await supervise('MariaDB', () => launchMariadb({ dir, port })).start();
    });
    urls.databaseUrl = `mysql://root@127.0.0.1:${port}/fairdrop`;
  }
  if (embedded.redis) {
    const dir = join(folder, 'redis');
    const port = await keptPort(dir);
    const redis = supervise('Redis', () => launchRedis({ dir, port, args: redisSettings }));
    await step('starting Redis', () => redis.start());
    urls.redisUrl = `redis://127.0.0.1:${port}`;
  }
  return urls;
}

/** @returns {string[]} the settings of our own Redis that keep what DURABILITY promises */
function durabilitySettings() {
  if (process.env.DURABILITY === 'replica') {
    throw new Failure(`DURABILITY=replica needs a Redis that has replicas: name it in REDIS_URL,
or choose always, which keeps the same on one machine`);
  }
  return process.env.DURABILITY === 'always' ? ['--appendfsync', 'always'] : [];
}

function supervise(name, launch) {
  if (stopping) throw new Failure('stopped');
  const supervisor = new Supervisor(name, launch);
  supervisors.push(supervisor);
  return supervisor;
}

async function migrate(environment) {
  const command = join(root, 'dist/src/cli/migrate.js');
  await step('migrating the database', () => run(nodeProgram(), [command], { env: environment }));
}

async function restart(product, environment) {
  await product.stop();
  await migrate(environment);
  await step('starting fairdrop', () => product.start());
}

function sayWelcome(folder, base, environment) {
  const demo = environment.DEMO === 'true';
  say(`
fairdrop serves; data, logs and secrets are in ${folder}
${demo ? `  the demo sale    ${base}/v1/sales   (page: ${base}/demo)\n` : ''}\
  a buyer's token  npm run --silent token -- --sub alice
  an admin's token npm run --silent token -- --sub olga --role admin
  the API          ${base}/docs
  stop             Ctrl-C

ready ${base}`);
}

function onStopSignal() {
  if (stopping) {
    // One Ctrl-C under npm arrives twice, from the terminal and from npm: only a later one forces.
    if (Date.now() - firstSignalMs > 1000) forceStop();
    return;
  }
  firstSignalMs = Date.now();
  say('\nstopping (once more forces it) …');
  void stop(0);
}

async function stop(exitCode) {
  stopping = true;
  stopRunningCommands();
  for (const supervisor of supervisors.toReversed()) await supervisor.stop();
  if (supervisors.length > 0) forgetRun(dataFolder());
  if (exitCode === 0) say('stopped');
  process.exit(exitCode);
}

function forceStop() {
  for (const supervisor of supervisors) supervisor.kill();
  say('stopped by force');
  process.exit(1);
}

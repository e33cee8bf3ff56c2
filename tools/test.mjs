#!/usr/bin/env node
/**
 * `npm test`: types, lint, build, then every test on a Redis and a MariaDB of its own. Arguments go
 * to jest (`npm test -- test/e2e`); then types and lint are left out.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { say, sayError, step } from './lib/console.mjs';
import { ensureBuild, ensurePackages, nodeProgram, root } from './lib/packages.mjs';
import { identityOf, run, stopOrphansBelow, stopRunningCommands } from './lib/processes.mjs';
import { ensurePrograms } from './lib/programs.mjs';
import { startMariadb, startRedis } from './lib/servers.mjs';

const testPatienceMs = 25 * 60 * 1000;
const memoryFolder = '/dev/shm';
const memoryMinimumBytes = 1024 ** 3;
const folderPrefix = 'fairdrop-test-';

const folder = join(fastFolder(), folderPrefix + identityOf(process.pid));
const jestArguments = process.argv.slice(2);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    process.exitCode = 1;
    stopRunningCommands();
  });
}

try {
  await removeLeftovers();
  await ensurePackages();
  if (jestArguments.length === 0) {
    await step('types', () => runTool('typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json'));
    await step('lint', () => runTool('eslint/bin/eslint.js', '.', '--max-warnings', '0'));
  }
  await ensureBuild();
  await ensurePrograms({ redis: true, database: true });
  const environment = await step('starting Redis and MariaDB for the tests', startServers);
  await step('tests', () => runJest(environment), { ticking: false });
} catch (error) {
  process.exitCode = 1;
  sayError(error);
} finally {
  await removeFolder(folder);
}

/** A folder in memory where there is one with room: tests wait on the disk for nothing. */
function fastFolder() {
  if (!existsSync(memoryFolder)) return tmpdir();
  const { bavail, bsize } = statfsSync(memoryFolder);
  return bavail * bsize > memoryMinimumBytes ? memoryFolder : tmpdir();
}

/** Stops the servers and removes the folders of test runs that were killed. */
async function removeLeftovers() {
  for (const parent of new Set([memoryFolder, tmpdir()])) {
    if (!existsSync(parent)) continue;
    for (const name of readdirSync(parent).filter((entry) => entry.startsWith(folderPrefix))) {
      const identity = name.slice(folderPrefix.length);
      const isMine = statSync(join(parent, name)).uid === process.getuid();
      if (!isMine || identityOf(Number.parseInt(identity, 10)) === identity) continue;
      say(`removing ${join(parent, name)}, which a test run left behind`);
      await removeFolder(join(parent, name));
    }
  }
}

async function removeFolder(path) {
  if (!existsSync(path)) return;
  await stopOrphansBelow(path);
  rmSync(path, { recursive: true, force: true });
}

/** @returns {Promise<NodeJS.ProcessEnv>} what tests read: servers, a folder for more servers */
async function startServers() {
  mkdirSync(folder, { mode: 0o700 });
  const quick = ['--innodb-flush-log-at-trx-commit=2', '--max-connections=1000'];
  const [redis, mariadb] = await Promise.all([
    startRedis({ dir: join(folder, 'redis') }),
    startMariadb({ dir: join(folder, 'mariadb'), args: quick }),
  ]);
  return {
    ...process.env,
    TEST_REDIS_URL: redis.url, TEST_DATABASE_URL: mariadb.url, TEST_FOLDER: folder,
  };
}

function runTool(path, ...args) {
  const command = [join(root, 'node_modules', path), ...args];
  return run(nodeProgram(), command, { cwd: root, show: true });
}

function runJest(env) {
  const args = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules/jest/bin/jest.js'), '--maxWorkers=2', ...jestArguments];
  return run(nodeProgram(), args, { cwd: root, env, show: true, timeoutMs: testPatienceMs });
}

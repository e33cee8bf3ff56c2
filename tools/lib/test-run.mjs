/** What `npm test` and its relatives share: servers in a folder of their own, and jest on them. */
import { execFileSync } from 'node:child_process';
import {
  existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { say, sayError, step } from './console.mjs';
import { ensureBuild, ensurePackages, nodeProgram, root } from './packages.mjs';
import { identityOf, run, stopOrphansBelow, stopRunningCommands } from './processes.mjs';
import { ensurePrograms, tryForNginx, tryForSpider } from './programs.mjs';
import { claimPortShare, startMariadb, startRedis } from './servers.mjs';

const memoryFolder = '/dev/shm';
const mountList = '/proc/mounts';
const memoryMinimumBytes = 1024 ** 3;
const folderPrefix = 'fairdrop-test-';

const folder = join(fastFolder(), folderPrefix + identityOf(process.pid));

/**
 * Installs and builds what tests need, starts servers for them, does the work and leaves nothing
 * behind. Whatever fails is shown and makes the exit code 1; so does a signal, which ends the work.
 *
 * @param {(environment: NodeJS.ProcessEnv) => Promise<void>} work gets what tests read: the URLs of
 *   the servers, a folder for more servers
 * @param {{ check?: () => Promise<void> }} [options] `check`: done before anything is built
 */
export async function runOnTestServers(work, { check } = {}) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      process.exitCode = 1;
      stopRunningCommands();
    });
  }
  try {
    await removeLeftovers();
    await ensurePackages();
    await check?.();
    await ensureBuild();
    await ensurePrograms({ redis: true, database: true });
    await tryForNginx();
    await tryForSpider();
    await work(await step('starting Redis and MariaDB for the tests', startServers));
  } catch (error) {
    process.exitCode = 1;
    sayError(error);
  } finally {
    await removeFolder(folder);
  }
}

/** Runs a tool of our packages; its output is shown. */
export function runTool(path, ...args) {
  const command = [join(root, 'node_modules', path), ...args];
  return run(nodeProgram(), command, { cwd: root, show: true });
}

/** Runs jest with these arguments; its output is shown. Throws when a test fails. */
export function runJest(env, args, timeoutMs) {
  const command = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules/jest/bin/jest.js'), ...args];
  return run(nodeProgram(), command, { cwd: root, env, show: true, timeoutMs, asGroup: true });
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
  unmountBelow(path);
  rmSync(path, { recursive: true, force: true });
}

/** Disks of tests that were killed, and of files of which no test was chosen: jest calls no hooks there. */
function unmountBelow(path) {
  if (!existsSync(mountList)) return;
  const mounts = readFileSync(mountList, 'utf8').split('\n').map((line) => line.split(' ')[1] ?? '')
    .filter((mount) => mount.startsWith(`${path}/`));
  for (const mount of mounts) execFileSync('umount', ['--lazy', mount], { timeout: 10_000 });
}

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
    TEST_PORT_SHARE: String(await claimPortShare()),
  };
}

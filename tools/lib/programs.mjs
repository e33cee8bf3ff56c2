/** Where Redis, MariaDB or MySQL, and what tests need beside them are, and how they get there. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure, say, step } from './console.mjs';
import { run } from './processes.mjs';

// A plain user's PATH often lacks the folders where distributions put servers.
const folders = [
  ...(process.env.PATH ?? '').split(delimiter),
  '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/usr/libexec',
  '/opt/homebrew/bin', '/opt/homebrew/opt/mariadb/bin', '/opt/homebrew/opt/mysql/bin',
  '/usr/local/opt/mariadb/bin', '/usr/local/opt/mysql/bin', '/home/linuxbrew/.linuxbrew/bin',
];

/** @returns {string | undefined} path of the first of these programs that can be run */
function findProgram(...names) {
  for (const name of names) {
    for (const folder of folders) {
      if (folder !== '' && isExecutable(join(folder, name))) return join(folder, name);
    }
  }
  return undefined;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @returns {string | undefined} path of redis-server */
export function findRedis() {
  return findProgram('redis-server');
}

/**
 * @returns {{ program: string, installer: string | null } | undefined} the database server, and the
 *   script that makes a MariaDB data folder (null for MySQL, whose server does that itself)
 */
export function findDatabase() {
  const program = findProgram('mariadbd', 'mysqld');
  if (program === undefined) return undefined;
  const isMariadb = versionTextOf(program, '--no-defaults').includes('MariaDB');
  if (!isMariadb) return { program, installer: null };
  const installer = findProgram('mariadb-install-db', 'mysql_install_db');
  return installer === undefined ? undefined : { program, installer };
}

/** @returns {string | undefined} path of nginx, which only the tests and the bench of the edge need */
export function findNginx() {
  return findProgram('nginx');
}

/**
 * @returns {string | undefined} path of Spider, the engine with which a MariaDB keeps its tables on
 *   other servers; only a test needs it
 */
export function findSpider() {
  const { program, installer } = findDatabase() ?? {};
  if (!installer) return undefined;
  const help = execFileSync(program, ['--no-defaults', '--verbose', '--help'],
    { stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 }).toString();
  const [, folder = ''] = /^plugin-dir\s+(\S+)/m.exec(help) ?? [];
  const path = join(folder, 'ha_spider.so');
  return existsSync(path) ? path : undefined;
}

function versionTextOf(program, ...firstArguments) {
  return execFileSync(program, [...firstArguments, '--version'], { timeout: 10_000 }).toString();
}

/**
 * Makes sure that this machine has the servers we are to start, by its package manager if need be.
 *
 * @param {{ redis?: boolean, database?: boolean, nginx?: boolean, spider?: boolean }} needed
 * @throws {Failure} with the three ways out when they are missing and cannot be installed
 */
export async function ensurePrograms(needed) {
  const missing = missingOf(needed);
  if (missing.length > 0) {
    const manager = packageManagers.find(({ program }) => findProgram(program));
    const canInstall = manager && missing.every((name) => name in manager.packages);
    const prefix = canInstall && rightToInstall(manager);
    if (!prefix) throw new Failure(waysOut(missing, manager));
    const packages = missing.flatMap((name) => manager.packages[name]);
    say(`${missing.join(' and ')} not found on this machine: ${manager.program} will install it`);
    const [program, ...args] = [...prefix, ...manager.install(packages)];
    await step(`installing ${packages.join(', ')}`, () => run(program, args));
    const still = missingOf(needed);
    if (still.length > 0) throw new Failure(waysOut(still, manager));
  }
  if (needed.redis) checkRedisVersion();
}

/** The same for nginx; where it cannot be had, that is said and nothing is thrown. */
export function tryForNginx() {
  return tryFor({ nginx: true }, 'the edge');
}

/** The same for Spider. */
export function tryForSpider() {
  return tryFor({ spider: true }, 'tables on several servers');
}

async function tryFor(needed, what) {
  try {
    await ensurePrograms(needed);
  } catch (error) {
    const [reason] = error.message.split('\n');
    say(`nothing about ${what} is run here: ${reason}`);
  }
}

function missingOf({ redis, database, nginx, spider }) {
  return [
    ...(redis && !findRedis() ? ['Redis'] : []),
    ...(database && !findDatabase() ? ['MariaDB'] : []),
    ...(nginx && !findNginx() ? ['nginx'] : []),
    ...(spider && !findSpider() ? ['Spider'] : []),
  ];
}

function checkRedisVersion() {
  const [, major] = /v=(\d+)\./.exec(versionTextOf(findRedis())) ?? [];
  if (Number(major) >= 7) return;
  throw new Failure(`${findRedis()} is older than Redis 7.0, which the scripts need: install a newer
one, or set REDIS_URL to a server that is.`);
}

const aptScript = fileURLToPath(new URL('apt-install.sh', import.meta.url));

const packageManagers = [
  {
    program: 'apt-get',
    packages: { Redis: ['redis-server'], MariaDB: ['mariadb-server'], nginx: ['nginx-light'],
      Spider: ['mariadb-plugin-spider'] },
    install: (packages) => ['sh', aptScript, ...packages],
    byHand: (packages) => `sudo apt-get install ${packages.join(' ')}`,
  },
  {
    program: 'dnf',
    packages: { Redis: ['redis'], MariaDB: ['mariadb-server'], nginx: ['nginx'] },
    install: (packages) => ['dnf', 'install', '-y', ...packages],
    byHand: (packages) => `sudo dnf install ${packages.join(' ')}`,
  },
  {
    program: 'brew',
    packages: { Redis: ['redis'], MariaDB: ['mariadb'], nginx: ['nginx'] },
    install: (packages) => ['brew', 'install', ...packages],
    byHand: (packages) => `brew install ${packages.join(' ')}`,
  },
];

/** @returns {string[] | null} what to put before the command; null without the right to install */
function rightToInstall({ program }) {
  if (program === 'brew') return process.getuid?.() === 0 ? null : [];
  if (process.getuid?.() === 0) return [];
  const sudo = findProgram('sudo');
  if (sudo === undefined) return null;
  try {
    execFileSync(sudo, ['-n', 'true'], { stdio: 'ignore', timeout: 10_000 });
    return [sudo, '-n'];
  } catch {
    return null;
  }
}

function waysOut(missing, manager) {
  const packages = (chosen) => missing.flatMap((name) => chosen.packages[name] ?? []);
  const command = manager
    ? manager.byHand(packages(manager))
    : `install ${missing.join(' and ')} with your system's package manager`;
  return `${missing.join(' and ')} is not on this machine and cannot be installed from here.
Three ways out:
  1. install it:            ${command}
  2. run all in containers: docs/operations.md, "In containers"
  3. use running servers:   REDIS_URL=redis://… DATABASE_URL=mysql://… JWT_SECRET=… \\
                            PAYMENT_WEBHOOK_SECRET=whsec_… npm start`;
}

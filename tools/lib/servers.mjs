/** Private Redis and MariaDB (or MySQL) servers, each with its own folder and loopback port. */
import { spawn } from 'node:child_process';
import {
  closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './console.mjs';
import { recordProcess, recordedProcess, run } from './processes.mjs';
import { findDatabase, findRedis } from './programs.mjs';

const startPatienceMs = 90_000;
const stopPatienceMs = 60_000;
const logMaximumBytes = 10 * 1024 * 1024;

const redisGreeting = {
  ask: 'PING\r\n', isReady: (reply) => reply.toString().startsWith('+PONG'),
};

// Below the ports that systems give to outgoing connections: while a server is down, a client that
// knocks on a port of that range may be given the same one, connect to itself and keep it.
const portRange = { first: 12_000, count: 20_000 };
// A port is taken some time after it was found free, and one of a server that a test has killed is to
// be there when it comes back. So each run of tests on a machine has a share of its own, and in it each
// worker of jest, and whoever starts them, a part.
const portShares = 5;
const portsOfShare = portRange.count / portShares;
const portParts = 10;
const portsOfPart = portsOfShare / portParts;
const firstPort = portRange.first + Number(process.env.TEST_PORT_SHARE ?? 0) * portsOfShare
  + Number(process.env.JEST_WORKER_ID ?? 0) % portParts * portsOfPart;
const portsGiven = new Set();

/**
 * @returns {Promise<number>} the share of the ports that no other run on this machine has as long as this
 *   process lives, for TEST_PORT_SHARE. Beyond five runs one is had twice.
 */
export async function claimPortShare() {
  for (let share = 0; share < portShares; share += 1) {
    const server = createServer().unref();
    const isClaimed = new Promise((resolve) => {
      server.once('error', () => resolve(false)).once('listening', () => resolve(true));
    });
    server.listen({ port: portRange.first - 1 - share, host: '127.0.0.1', exclusive: true });
    if (await isClaimed) return share;
  }
  return portShares - 1;
}

/** @returns {Promise<number>} a port of 127.0.0.1 that nobody listens on, each time another one */
export async function freePort() {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * portsOfPart);
    if (portsGiven.has(port)) continue;
    portsGiven.add(port);
    if (await isPortFree(port)) return port;
  }
}

/** @returns {Promise<boolean>} whether a server could listen there now */
export function isPortFree(port, host = '127.0.0.1') {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** @returns {Promise<number>} the port that the folder's server had before, if it is still free */
export async function keptPort(folder) {
  const { port } = recordedProcess(folder);
  return port !== undefined && await isPortFree(port) ? port : freePort();
}

/** Starts a private Redis and waits until it answers. See servers.d.mts for the shapes. */
export async function startRedis({ dir, port, args = [] }) {
  const server = launchRedis({ dir, port: port ?? await keptPort(dir), args });
  await server.ready;
  return server;
}

/** Starts a private MariaDB or MySQL, making its data folder first, and waits until it answers. */
export async function startMariadb({ dir, port, args = [] }) {
  await createDatabaseFolder(dir);
  const server = launchMariadb({ dir, port: port ?? await keptPort(dir), args });
  await server.ready;
  return server;
}

/** Starts Redis as the protocol needs it: every write in the append-only file, nothing evicted. */
export function launchRedis({ dir, port, args = [] }) {
  mkdirSync(join(dir, 'data'), { recursive: true });
  const settings = [
    '--port', String(port), '--bind', '127.0.0.1', '--dir', join(dir, 'data'),
    '--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '',
    // A rush must not make it rewrite its file every few seconds; see docker/redis.conf.
    '--auto-aof-rewrite-min-size', '256mb',
    '--maxmemory-policy', 'noeviction', ...args,
  ];
  return launch({
    name: 'Redis', dir, port, url: `redis://127.0.0.1:${port}`,
    program: findRedis(), args: settings, greeting: redisGreeting,
  });
}

/** Starts a sentinel and waits until it answers. It rewrites its settings itself, so they are a file. */
export async function startSentinel({ dir, settings }) {
  const port = await freePort();
  mkdirSync(dir, { recursive: true });
  const path = join(dir, 'sentinel.conf');
  const own = [`port ${port}`, 'bind 127.0.0.1', `dir "${dir}"`];
  writeFileSync(path, `${[...own, ...settings].join('\n')}\n`);
  const server = launch({
    name: 'Sentinel', dir, port, url: `redis://127.0.0.1:${port}`,
    program: findRedis(), args: [path, '--sentinel'], greeting: redisGreeting,
  });
  await server.ready;
  return server;
}

/** Makes the data folder of a new MariaDB or MySQL; does nothing when it is there. */
export async function createDatabaseFolder(dir) {
  const data = join(dir, 'data');
  if (existsSync(data)) return;
  // Made under another name first: a folder cut short by a crash is never taken for a whole one.
  const unfinished = join(dir, 'data.new');
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const { program, installer } = findDatabase();
  const common = ['--no-defaults', `--datadir=${unfinished}`, temporaryFolder(dir), ...asRoot()];
  await (installer === null
    ? run(program, [...common, '--initialize-insecure'])
    : run(installer, [...common, '--auth-root-authentication-method=normal', '--skip-test-db']));
  renameSync(unfinished, data);
}

/** Starts MariaDB or MySQL on TCP alone: a socket's path has a limit and outlives a crash. */
export function launchMariadb({ dir, port, args = [] }) {
  const { program, installer } = findDatabase();
  const settings = [
    '--no-defaults', `--datadir=${join(dir, 'data')}`, temporaryFolder(dir), ...asRoot(),
    `--port=${port}`, '--bind-address=127.0.0.1', '--socket=',
    ...(installer === null ? ['--mysqlx=OFF', '--skip-log-bin'] : ['--skip-name-resolve']),
    '--innodb-flush-log-at-trx-commit=1', '--innodb-buffer-pool-size=256M',
    '--max-connections=300', '--transaction-isolation=READ-COMMITTED',
    '--character-set-server=utf8mb4', '--default-time-zone=+00:00', ...args,
  ];
  return launch({
    name: 'MariaDB', dir, port, url: `mysql://root@127.0.0.1:${port}`, program, args: settings,
    // The server speaks first: four bytes of length and number, then the protocol's version.
    greeting: { ask: '', isReady: (reply) => reply[4] === 10 },
  });
}

/** A MariaDB that starts removes the temporary tables of all others that share its folder for them. */
function temporaryFolder(dir) {
  const folder = join(dir, 'tmp');
  mkdirSync(folder, { recursive: true });
  return `--tmpdir=${folder}`;
}

/** A database server refuses to run as root unless it is told so. */
function asRoot() {
  return process.getuid?.() === 0 ? ['--user=root'] : [];
}

/**
 * Starts one server in a process group of its own, so that a Ctrl-C in our terminal does not stop
 * it before the program that still writes to it.
 */
export function launch({ name, dir, port, url, program, args, greeting }) {
  const logPath = join(dir, 'server.log');
  const log = openLog(logPath);
  const child = spawn(program, args, { cwd: dir, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  const exited = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  if (child.pid !== undefined) recordProcess(dir, { pid: child.pid, port });
  const fail = (reason) => {
    child.kill('SIGKILL');
    const end = readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-12).join('\n');
    throw new Failure(`${name} did not start (${reason}); the end of ${logPath}:\n${end}`);
  };
  const ready = Promise.race([
    exited.then(fail),
    untilGreeted(child, port, greeting).then((greeted) => greeted || fail(`silent on ${port}`)),
  ]);
  // Whoever stops the server before it is ready has no interest in that news.
  ready.catch(() => undefined);
  const kill = (signal = 'SIGKILL') => void child.kill(signal);
  return { url, port, pid: child.pid, ready, exited, kill, stop: stopOf(child, exited) };
}

/** @returns a function that stops the child cleanly, or hard when that takes too long */
export function stopOf(child, exited, patienceMs = stopPatienceMs) {
  return async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    await exited;
    clearTimeout(timer);
  };
}

/** @returns {Promise<boolean>} whether the server greeted us in time, and before its end */
async function untilGreeted(child, port, greeting) {
  const deadlineMs = Date.now() + startPatienceMs;
  while (Date.now() < deadlineMs && child.exitCode === null && child.signalCode === null) {
    if (await isGreeted(port, greeting)) return true;
    await sleep(50);
  }
  return false;
}

function isGreeted(port, { ask, isReady }) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1000 });
    const answer = (value) => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', () => ask !== '' && socket.write(ask));
    socket.once('data', (reply) => answer(isReady(reply)));
    for (const event of ['error', 'timeout', 'close']) socket.once(event, () => answer(false));
  });
}

/** Opens a log for appending; one that grew large becomes the `.old` one first. */
export function openLog(path) {
  if (existsSync(path) && statSync(path).size > logMaximumBytes) renameSync(path, `${path}.old`);
  return openSync(path, 'a');
}

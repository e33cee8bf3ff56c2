/** The product as a child process: its start, its log file, and what of its log the reader sees. */
import { fork } from 'node:child_process';
import { mkdirSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from './console.mjs';
import { nodeProgram, root } from './packages.mjs';
import { recordProcess } from './processes.mjs';
import { openLog, stopOf } from './servers.mjs';

const startPatienceMs = 120_000;
// The product itself ends within 25 s, after the pause of DRAIN_SECONDS.
const stopPatienceMs = 30_000;
const logTurnBytes = 10 * 1024 * 1024;
const routineLine = /^\{"level":"?(?:10|20|30|trace|debug|info)\b/;

/**
 * Starts the built product. It tells us by IPC when it serves; should we die, the closed channel
 * tells it to stop, so that it never outlives us.
 *
 * @param {object} options
 * @param {string} options.folder the data folder
 * @param {NodeJS.ProcessEnv} options.environment
 * @param {number} options.port where it will listen, for the record
 * @param {boolean} options.verbose show the whole log, not only warnings and errors
 * @returns {import('./supervisor.mjs').Service} ready with the URL that it serves on
 */
export function launchProduct({ folder, environment, port, verbose }) {
  const child = fork(join(root, 'dist/src/main.js'), [], {
    cwd: root, env: environment, execPath: nodeProgram(), execArgv: [],
    // A process group of its own: a Ctrl-C reaches us alone, and we stop things in their order.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  recordProcess(join(folder, 'app'), { pid: child.pid, port });
  const log = new TurningLog(join(folder, 'logs'));
  for (const pipe of [child.stdout, child.stderr]) {
    followLines(pipe, (lines) => {
      log.write(lines);
      showLines(lines, verbose);
    });
  }
  const exited = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  void exited.then(() => log.close());
  const ready = untilReady(child, exited);
  ready.catch(() => undefined);
  const kill = (signal = 'SIGKILL') => void child.kill(signal);
  const drainMs = 1000 * Number(environment.DRAIN_SECONDS || 0);
  return { ready, exited, kill, stop: stopOf(child, exited, drainMs + stopPatienceMs) };
}

function untilReady(child, exited) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Failure(`fairdrop did not serve within ${startPatienceMs / 1000} s`));
    }, startPatienceMs);
    child.on('message', (message) => {
      if (message?.type !== 'ready') return;
      clearTimeout(timer);
      resolve(message.url);
    });
    void exited.then((reason) => {
      clearTimeout(timer);
      reject(new Failure(`fairdrop did not start (${reason}): see its messages above`));
    });
  });
}

/** Hands over whole lines, several at once, as they come. */
function followLines(pipe, take) {
  let rest = '';
  pipe.setEncoding('utf8');
  pipe.on('data', (text) => {
    const end = text.lastIndexOf('\n') + 1;
    if (end > 0) take(rest + text.slice(0, end));
    rest = end > 0 ? text.slice(end) : rest + text;
  });
  pipe.on('end', () => rest !== '' && take(`${rest}\n`));
}

function showLines(lines, verbose) {
  const shown = verbose ? lines
    : lines.split('\n').filter((line) => line !== '' && !routineLine.test(line))
      .map((line) => `${line}\n`).join('');
  if (shown !== '') process.stdout.write(shown);
}

/** `app.log`; when it grows large it becomes `app.log.old` and a new one is begun. */
class TurningLog {
  #path;
  #file;
  #writtenBytes = 0;

  constructor(folder) {
    mkdirSync(folder, { recursive: true });
    this.#path = join(folder, 'app.log');
    this.#file = openLog(this.#path);
  }

  write(text) {
    this.#writtenBytes += writeSync(this.#file, text);
    if (this.#writtenBytes < logTurnBytes) return;
    this.close();
    this.#file = openLog(this.#path);
    this.#writtenBytes = 0;
  }

  close() {
    closeSync(this.#file);
  }
}

/** Child processes, and how to recognise a process that an earlier run left behind. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './console.mjs';

const capturedOutputBytes = 6 * 1024;
const running = new Set();
let stopped = false;

/**
 * Runs one command to its end.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean, timeoutMs?: number,
 *   asGroup?: boolean }} [options]
 *   `show`: its output goes to our terminal instead of being kept for the message of a failure;
 *   `asGroup`: what it has started is ended with it. It cannot ask at the terminal then
 * @throws {Failure} with the end of its output when it does not exit with 0, and at once after
 *   `stopRunningCommands`
 */
export async function run(program, args,
  { cwd, env = process.env, show = false, timeoutMs, asGroup = false } = {}) {
  if (stopped) throw new Failure('stopped');
  const stdio = show ? 'inherit' : ['ignore', 'pipe', 'pipe'];
  const child = spawn(program, args, { cwd, env, stdio, timeout: timeoutMs, detached: asGroup });
  const end = () => { asGroup ? sendSignal(-child.pid, 'SIGTERM') : child.kill('SIGTERM'); };
  running.add(end);
  let output = '';
  for (const pipe of [child.stdout, child.stderr]) {
    pipe?.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-capturedOutputBytes);
    });
  }
  const problem = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      resolve(code === 0 ? null : (signal ?? `exit code ${code}`));
    });
  });
  running.delete(end);
  // Who ends in order may wait long for servers that have ended first.
  if (asGroup) sendSignal(-child.pid, 'SIGKILL');
  if (problem !== null) {
    const command = [program, ...args].join(' ');
    throw new Failure(show ? problem : `${command}: ${problem}\n${output.trimEnd()}`);
  }
}

/** Ends the commands that `run` waits for and lets none begin: a stop in a long step is prompt. */
export function stopRunningCommands() {
  stopped = true;
  for (const end of running) end();
}

/**
 * A name that no other process ever has: pid, start time and boot. A pid alone is reused, so a
 * stale pid file could make us stop a stranger.
 *
 * @param {number} pid
 * @returns {string | null} safe as a file name; null when the process is gone (or only a zombie)
 */
export function identityOf(pid) {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      // The name in brackets may hold brackets and spaces; the plain fields follow the last one.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const [state, startTicks] = [fields[0], fields[19]];
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);
      return state === 'Z' || state === 'X' ? null : `${pid}-${startTicks}-${boot}`;
    }
    const [state, ...start] = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)])
      .toString().trim().split(/\s+/);
    return state.startsWith('Z') ? null : `${pid}-${start.join('').replace(/\W/g, '')}`;
  } catch {
    return null;
  }
}

const recordPath = (folder) => join(folder, 'process.json');

/**
 * Remembers a process of ours on disk, for the run after a kill -9 and for the port to stay.
 *
 * @param {string} folder the folder that belongs to this process alone
 * @param {{ pid: number, port: number }} process
 */
export function recordProcess(folder, { pid, port }) {
  mkdirSync(folder, { recursive: true });
  const temporary = `${recordPath(folder)}.new`;
  writeFileSync(temporary, JSON.stringify({ port, identity: identityOf(pid) }));
  renameSync(temporary, recordPath(folder));
}

/** @returns {{ port?: number, identity?: string }} what `recordProcess` last wrote, else nothing */
export function recordedProcess(folder) {
  try {
    return JSON.parse(readFileSync(recordPath(folder), 'utf8'));
  } catch {
    return {};
  }
}

/**
 * Stops the process recorded in a folder if it still runs: nobody supervises it any more.
 *
 * @param {string} folder
 * @param {number} [patienceMs] how long a clean stop may take before SIGKILL
 * @returns {Promise<number | null>} the pid that was stopped
 */
export async function stopOrphan(folder, patienceMs = 60_000) {
  const { identity } = recordedProcess(folder);
  const pid = Number.parseInt(identity ?? '', 10);
  if (!identity || identityOf(pid) !== identity) return null;
  sendSignal(pid, 'SIGCONT');
  sendSignal(pid, 'SIGTERM');
  const deadlineMs = Date.now() + patienceMs;
  while (identityOf(pid) === identity) {
    if (Date.now() > deadlineMs) sendSignal(pid, 'SIGKILL');
    await sleep(50);
  }
  return pid;
}

/** Sends a signal to a process that may be gone by now. */
function sendSignal(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Stops every recorded process below a folder, whatever run left it there. */
export async function stopOrphansBelow(folder) {
  const records = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name === 'process.json');
  await Promise.all(records.map((entry) => stopOrphan(entry.parentPath ?? entry.path)));
}

/** What a stranger does with a fresh clone: types `npm start`, kills it, starts again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

const project = resolve(__dirname, '../..');
const notInAClone = ['.git', '.env', '.data', 'node_modules', 'dist', 'coverage'];
const passedOn =
  /^(home|npm_config_(registry|cache|cafile)|(https?|no)_proxy|node_extra_ca_certs)$/i;

/** Copies what a clone would hold into an empty folder and returns the folder's path. */
export function freshClone(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fairdrop-bootstrap-'));
  const skipped = new Set(notInAClone.map((name) => join(project, name)));
  cpSync(project, folder, { recursive: true, filter: (source) => !skipped.has(source) });
  return folder;
}

/** A shell of one's own: the machine's Node and npm, and none of our test run's variables. */
function strangersEnvironment(port: number): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => passedOn.test(name));
  const path = (process.env['PATH'] ?? '').split(delimiter)
    .filter((entry) => !entry.includes('node_modules')).join(delimiter);
  return { ...Object.fromEntries(kept), PATH: path, PORT: String(port) };
}

/** One `npm start` and everything that it printed. */
export class Start {
  /** stdout and stderr together, as they came. */
  output = '';
  /** Resolves with the exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(clone: string, port: number) {
    const env = strangersEnvironment(port);
    this.#child = spawn('npm', ['start'], { cwd: clone, env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const pipe of [this.#child.stdout, this.#child.stderr]) {
      pipe?.setEncoding('utf8').on('data', (text: string) => { this.output += text; });
    }
    this.exited = new Promise((done) => this.#child.once('close', (code) => done(code)));
  }

  /** Resolves when a line matches; throws with the output when it ended or the time is over. */
  async until(pattern: RegExp, patienceMs: number): Promise<void> {
    let ended = false;
    void this.exited.then(() => { ended = true; });
    await eventually(() => {
      if (!pattern.test(this.output) && ended) throw new Error(`it ended:\n${this.output}`);
      return pattern.test(this.output);
    }, patienceMs, () => `no ${pattern.source} in:\n${this.output}`);
  }

  /** Asks it to stop as a service manager would, and waits for its exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.exited;
  }
}

/** Polls a condition until it holds; throws with the complaint when the time is over. */
export async function eventually(
  holds: () => boolean | Promise<boolean>, patienceMs: number, complaint: () => string,
): Promise<void> {
  const deadlineMs = Date.now() + patienceMs;
  while (!await holds()) {
    if (Date.now() > deadlineMs) throw new Error(complaint());
    await new Promise((next) => setTimeout(next, 100));
  }
}

/** The pid in the record that the starter keeps of one of its processes. */
export function pidOf(clone: string, name: 'app' | 'redis' | 'mariadb'): number {
  const record = readFileSync(join(clone, '.data', name, 'process.json'), 'utf8');
  return Number.parseInt((JSON.parse(record) as { identity: string }).identity, 10);
}

/** Whether a process with this pid is alive. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

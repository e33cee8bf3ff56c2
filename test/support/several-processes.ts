import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { loadConfig } from '../../src/config';
import { freePort } from '../../tools/lib/servers.mjs';
import { TestClient } from './client';
import { createInstallation, type Installation } from './product';
import { testEnvironment } from './stack';
import { until } from './until';

interface LogLine {
  readonly msg: string;
  readonly pid: number;
  readonly route?: string;
  readonly diedPid?: number;
}

/** The built program with PROCESSES, in a folder of its own where it finds its `.env`. */
export class SeveralProcesses {
  /** What all of its processes have said so far. */
  readonly log: LogLine[] = [];
  readonly exit: Promise<number | null>;
  readonly errors: Promise<string>;
  readonly client: TestClient;
  private readonly ready: Promise<unknown>;

  private constructor(private readonly primary: ChildProcess, readonly url: string,
    private readonly folder: string, private readonly installation: Installation,
    environment: Record<string, string>) {
    this.client = new TestClient(url, loadConfig(environment));
    this.exit = once(primary, 'exit').then(([code]) => code as number | null);
    this.errors = primary.stderr ? text(primary.stderr) : Promise.resolve('');
    this.ready = Promise.race([once(primary, 'message'), this.exit.then((code) => {
      throw new Error(`It ended with ${code}: ${JSON.stringify(this.log)}`);
    })]);
    this.ready.catch(() => undefined);
    if (!primary.stdout) throw new Error('It has no output');
    createInterface(primary.stdout).on('line', (line) => {
      this.log.push(JSON.parse(line) as LogLine);
    });
  }

  /** Starts two without waiting until they serve, which they may never do. */
  static async launch(changes: Record<string, string> = {}): Promise<SeveralProcesses> {
    const installation = await createInstallation();
    const port = changes['PORT'] ?? String(await freePort());
    const environment = testEnvironment({ ...installation.environment, PROCESSES: '2',
      LOG_LEVEL: 'info', DRAIN_SECONDS: '1', PORT: port, ...changes });
    const folder = mkdtempSync(join(tmpdir(), 'fairdrop-processes-'));
    const primary = fork(resolve('dist/src/main.js'),
      { cwd: folder, env: environment, silent: true });
    const valid = Number(port) > 0 ? environment : { ...environment, PORT: '1' };
    return new SeveralProcesses(primary, `http://127.0.0.1:${port}`, folder, installation, valid);
  }

  /** Starts two and waits until they serve. */
  static async start(changes: Record<string, string> = {}): Promise<SeveralProcesses> {
    const site = await SeveralProcesses.launch(changes);
    await site.ready;
    // The lines of a process come a little later than what it does.
    await until('all are in the log', async () => site.pids().length === 2);
    return site;
  }

  signal(name: NodeJS.Signals): void {
    this.primary.kill(name);
  }

  /** Those that serve or did, in the order in which they became ready. */
  readyPids(): number[] {
    return this.log.filter(({ msg }) => msg === 'process ready').map(({ pid }) => pid);
  }

  /** Those that serve now. */
  pids(): number[] {
    return this.readyPids().filter(lives);
  }

  said(msg: string): LogLine[] {
    return this.log.filter((line) => line.msg === msg);
  }

  async metrics(): Promise<string> {
    return (await this.client.call('GET', '/metrics')).text;
  }

  /** The sum of all series of a metric whose labels match. */
  async total(name: string, labels = /./): Promise<number> {
    const lines = (await this.metrics()).split('\n')
      .filter((line) => /^\w+/.exec(line)?.[0] === name && labels.test(line));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  writeEnvironmentFile(content: string): void {
    writeFileSync(join(this.folder, '.env'), content);
  }

  /** Ends what still runs and takes away what it used. */
  async drop(): Promise<void> {
    this.client.close();
    this.primary.kill('SIGKILL');
    await until('all processes are gone', async () => this.pids().length === 0);
    rmSync(this.folder, { recursive: true });
    await this.installation.drop();
  }
}

/** Whether there is a process with this id that has not ended. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

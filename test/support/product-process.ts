import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { AppConfig } from '../../src/config';
import { TestClient } from './client';

const builtProgram = join(__dirname, '../../dist/src/main.js');
const keptOutput = 20_000;

/** The built program as a child process. It ends with the test process that started it. */
export class ProductProcess {
  readonly client: TestClient;
  readonly url: string;
  /** Resolves when it answers requests; rejects with its output when it ends before that. */
  readonly ready: Promise<void>;
  /** Resolves with the signal that ended it, or `exit code N`. */
  readonly ended: Promise<string>;
  /** The end of what it logged. */
  output = '';
  private readonly child: ChildProcess;

  constructor(environment: Readonly<Record<string, string>>, config: AppConfig, folder: string,
    program = builtProgram) {
    this.child = spawn(process.execPath, [program],
      { cwd: folder, env: { ...environment }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    for (const pipe of [this.child.stdout, this.child.stderr]) {
      pipe?.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-keptOutput);
      });
    }
    this.url = `http://127.0.0.1:${environment['PORT'] ?? ''}`;
    this.client = new TestClient(this.url, config);
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.client.close();
        resolve(signal ?? `exit code ${String(code)}`);
      });
    });
    this.ready = new Promise((resolve, reject) => {
      this.child.once('message', () => { resolve(); });
      void this.ended.then((end) => { reject(new Error(`It ended (${end}):\n${this.output}`)); });
    });
    this.ready.catch(() => undefined); // who waits for the end has no interest in that news
  }

  /** The process group of no one but this child gets the signal. */
  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Sends the signal and waits for the end. */
  async end(name: NodeJS.Signals = 'SIGKILL'): Promise<string> {
    this.signal(name);
    return this.ended;
  }
}

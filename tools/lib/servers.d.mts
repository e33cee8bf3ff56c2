/** Types of servers.mjs for the tests and benchmarks that are written in TypeScript. */

export interface ServerOptions {
  /** The server's own folder (data, log, process record); the same folder has the same data. */
  dir: string;
  /** A port of 127.0.0.1; by default the one this folder had before, else a free one. */
  port?: number;
  /** Further command-line settings of the server; a later one wins over ours. */
  args?: string[];
}

export interface Server {
  /** `redis://127.0.0.1:PORT` or `mysql://root@127.0.0.1:PORT` (no database named). */
  url: string;
  port: number;
  pid: number;
  /** Resolves with the reason (a signal, or `exit code N`) when the process is gone. */
  exited: Promise<string>;
  /** Sends a signal, SIGKILL by default; await `exited` for the end. */
  kill(signal?: NodeJS.Signals): void;
  /** Stops the server cleanly (hard after a minute) and waits for its end. */
  stop(): Promise<void>;
}

export function startRedis(options: ServerOptions): Promise<Server>;
/** `settings`: lines of its configuration. */
export function startSentinel(options: { dir: string; settings: readonly string[] }): Promise<Server>;
export function startMariadb(options: ServerOptions): Promise<Server>;
export function freePort(): Promise<number>;
export function isPortFree(port: number, host?: string): Promise<boolean>;

/** Types of edge.mjs for the tests that are written in TypeScript. */
import type { Server } from './servers.mjs';

export interface EdgeOptions {
  /** A folder of its own: configuration, cache, logs. */
  dir: string;
  /** Ports of the API processes on 127.0.0.1. */
  upstreams: readonly number[];
  /** Further lines at the level of `http`. */
  settings?: string;
}

export interface Edge extends Server {
  /** Of the inner door; `url` is that of the outer. */
  innerUrl: string;
  /** Path of its log: a line of JSON for each request, at most a second late. */
  accessLog: string;
}

export function hasNginx(): boolean;
export function startEdge(options: EdgeOptions): Promise<Edge>;

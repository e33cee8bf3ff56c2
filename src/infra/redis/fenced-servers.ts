import { setTimeout as sleep } from 'node:timers/promises';
import { ReplyError, type RedisOptions } from 'ioredis';
import { ProblemError } from '../../kernel';
import { closeForGood } from './close-for-good';
import { FencedRedis, stockUnavailable, type FencedArguments } from './fenced-redis';
import type { LuaScript } from './lua-scripts';
import { PerServer } from './per-server';
import type { RedisConnections } from './redis-connections';

const stepMs = 20;

/**
 * A fenced connection to every server that sells: to the one, or to each master of a Cluster. A script
 * goes to the master of its keys with the run id of that very server. Where the keys have moved, it is
 * not sent on, but built anew for the server that has them: so data that came there from another
 * server, by a resharding or as a replica, sells nothing until it has been loaded there.
 */
export class FencedServers {
  private readonly servers: PerServer<FencedRedis>;
  private readonly listeners: ((runId: string) => void)[] = [];

  constructor(
    private readonly connections: RedisConnections,
    private readonly scripts: readonly LuaScript[],
  ) {
    this.servers = new PerServer(connections, (server) => this.open(server),
      ({ connection }) => { closeForGood(connection); });
  }

  /** The server that has this key, as far as is known; undefined while a Cluster has none. */
  serverOf(key: string): FencedRedis | undefined {
    return this.servers.of(key);
  }

  /** As `FencedRedis.run`, on the server that has the keys. */
  run(name: string, keys: readonly string[], args: FencedArguments): Promise<unknown> {
    const server = this.serverOf(keys[0] ?? '');
    if (server === undefined) {
      return Promise.reject(stockUnavailable(new Error('no node has these keys')));
    }
    const { map } = this.connections;
    const answer = server.run(name, keys, args);
    return map === undefined ? answer : answer.catch((error: unknown) => {
      const address = movedTo(error);
      if (address === undefined) throw error;
      map.refresh();
      return this.servers.at(address).run(name, keys, args);
    });
  }

  /** Whether any server can be reached. */
  get areThere(): boolean {
    return this.servers.all.some(({ runId }) => runId !== undefined);
  }

  /** Whether none of the servers is away. */
  get areAllThere(): boolean {
    const { all } = this.servers;
    return all.length > 0 && all.every(({ runId }) => runId !== undefined);
  }

  /** Whether a server is not asked at the moment, because its last calls had no answer. */
  get isOpenCircuit(): boolean {
    return this.servers.all.some(({ isOpenCircuit }) => isOpenCircuit);
  }

  /** Resolves when all servers can be reached, at the latest after this time. */
  async whenReady(timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!this.areAllThere && performance.now() < deadlineMs) await sleep(stepMs);
  }

  /** Calls back on every connect to a server, with its run id. */
  onFence(listener: (runId: string) => void): void {
    this.listeners.push(listener);
  }

  private open(server: RedisOptions): FencedRedis {
    const { connections: { retryStrategy }, scripts } = this;
    const fenced = new FencedRedis({ ...server, retryStrategy }, scripts);
    this.connections.adopt('fenced', fenced.connection);
    fenced.onFence((runId) => { for (const listener of this.listeners) listener(runId); });
    return fenced;
  }
}

/** Where the keys are that a script was refused for, as `host:port`; undefined: it was not for that. */
function movedTo(error: unknown): string | undefined {
  if (!(error instanceof ProblemError && error.cause instanceof ReplyError)) return undefined;
  return /^MOVED \d+ (\S+)$/.exec((error.cause as Error).message)?.[1];
}

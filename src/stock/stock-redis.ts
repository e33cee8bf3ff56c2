import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../config';
import { Metrics } from '../infra/metrics';
import { FencedServers, LuaCommands, readLuaScripts, RedisConnections,
  type FencedArguments, type ScriptArgument } from '../infra/redis';
import { remember } from '../kernel';
import { saleKeys, saleTag } from './sale-keys';

const scanCount = 1_000;

/** The way of the stock module to Redis: its scripts on both kinds of connection, and its keys. */
@Injectable()
export class StockRedis {
  readonly keys = remember((saleId: string) => saleKeys(this.config.redisNamespace, saleId));
  private readonly fenced: FencedServers;
  private readonly commands: LuaCommands;
  private connectedAtMs = 0;

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    readonly connections: RedisConnections,
    metrics: Metrics,
  ) {
    const scripts = readLuaScripts(join(__dirname, 'lua'));
    this.fenced = new FencedServers(connections, scripts);
    this.onConnect(() => { this.connectedAtMs = performance.now(); });
    metrics.onScrape(async () => {
      metrics.circuitOpen.set({ dependency: 'redis-stock' }, this.isAway ? 1 : 0);
    });
    this.commands = new LuaCommands(connections.general, scripts);
  }

  /** The run id of the server that a fenced script of this sale would reach now. */
  bootOf(saleId: string): string | undefined {
    return this.fenced.serverOf(saleTag(saleId))?.runId;
  }

  /** Redis can be reached, or any node of a Cluster. */
  get isThere(): boolean {
    return this.fenced.areThere;
  }

  /** Redis can be reached, or all masters of a Cluster. */
  get isWhole(): boolean {
    return this.fenced.areAllThere;
  }

  get isClustered(): boolean {
    return this.connections.map !== undefined;
  }

  /** There is a Cluster, and of its nodes the one that has this sale is away: others may not be. */
  isNodeAway(saleId: string): boolean {
    return this.isClustered && this.bootOf(saleId) === undefined;
  }

  /** Calls back on every connect to a server, with its run id. */
  onConnect(listener: (boot: string) => void): void {
    this.fenced.onFence(listener);
  }

  /**
   * For how long the server has surely been that of the sales, in milliseconds. Nobody knows since when
   * a node of a Cluster has a sale: 0.
   */
  get servesForMs(): number {
    return this.isClustered ? 0 : performance.now() - this.connectedAtMs;
  }

  /** A server cannot be reached, or is left alone for a moment because it did not answer. */
  private get isAway(): boolean {
    return !this.isWhole || this.fenced.isOpenCircuit;
  }

  whenConnected(timeoutMs: number): Promise<void> {
    return this.fenced.whenReady(timeoutMs);
  }

  /** Runs a script that must reach the very server whose run id it is given. */
  runFenced(name: string, keys: readonly string[], args: FencedArguments): Promise<unknown> {
    return this.fenced.run(name, keys, args);
  }

  /** A page of a hash, read from the server with this run id; rejects when there is another by now. */
  async scanHash(key: string, cursor: string, boot: string):
  Promise<{ next: string; values: string[] }> {
    const server = this.fenced.serverOf(key);
    if (server === undefined) throw new Error('No node has the key of the scan');
    const [next, flat] = await server.connection.hscan(key, cursor, 'COUNT', scanCount);
    // A connection that was renewed since has not answered: nothing is sent twice on it.
    if (server.runId !== boot) throw new Error('Redis was replaced during the scan');
    return { next, values: flat.filter((_text, index) => index % 2 === 1) };
  }

  /** Runs a script that is right on whatever server executes it, however often. */
  run(name: string, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    return this.commands.run(name, keys, args);
  }
}

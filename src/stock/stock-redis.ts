import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../config';
import { Metrics } from '../infra/metrics';
import { FencedRedis, LuaCommands, readLuaScripts, RedisConnections,
  type FencedArguments, type ScriptArgument } from '../infra/redis';
import { saleKeys, type SaleKeys } from './sale-keys';

const scanCount = 1_000;

/** The way of the stock module to Redis: its scripts on both kinds of connection, and its keys. */
@Injectable()
export class StockRedis {
  private readonly fenced: FencedRedis;
  private readonly commands: LuaCommands;
  private connectedAtMs = 0;

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    readonly connections: RedisConnections,
    metrics: Metrics,
  ) {
    const scripts = readLuaScripts(join(__dirname, 'lua'));
    const { server, retryStrategy } = connections;
    this.fenced = new FencedRedis({ ...server, retryStrategy }, scripts);
    connections.adopt('fenced', this.fenced.connection);
    this.onConnect(() => { this.connectedAtMs = performance.now(); });
    metrics.onScrape(async () => {
      metrics.circuitOpen.set({ dependency: 'redis-stock' }, this.isAway ? 1 : 0);
    });
    this.commands = new LuaCommands(connections.general, scripts);
  }

  keys(saleId: string): SaleKeys {
    return saleKeys(this.config.redisNamespace, saleId);
  }

  /** The run id of the server that a fenced script would reach now. */
  get boot(): string | undefined {
    return this.fenced.runId;
  }

  /** Calls back on every connect to a server, with its run id. */
  onConnect(listener: (boot: string) => void): void {
    this.fenced.onFence(listener);
  }

  /** How long `boot` has been the server, as far as this process knows. */
  get connectedForMs(): number {
    return performance.now() - this.connectedAtMs;
  }

  /** Redis cannot be reached, or is left alone for a moment because it did not answer. */
  private get isAway(): boolean {
    return this.boot === undefined || this.fenced.isOpenCircuit;
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
    const [next, flat] = await this.fenced.connection.hscan(key, cursor, 'COUNT', scanCount);
    // A connection that was renewed since has not answered: nothing is sent twice on it.
    if (this.boot !== boot) throw new Error('Redis was replaced during the scan');
    return { next, values: flat.filter((_text, index) => index % 2 === 1) };
  }

  /** Runs a script that is right on whatever server executes it, however often. */
  run(name: string, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    return this.commands.run(name, keys, args);
  }
}

import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ReplyError } from 'ioredis';
import { APP_CONFIG, type AppConfig } from '../../config';
import { Circuit } from '../circuit';
import { gatherWrites } from './gather-writes';
import { LuaCommands, type LuaScript } from './lua-scripts';
import { markOf } from './mark';
import { NodeCircuits } from './node-circuits';
import { isCluster, type RedisClient } from './redis-client';
import { RedisConnections } from './redis-connections';

const commandTimeoutMs = 1_500;
const probeEveryMs = 1_000;

/** What the server says against one command, it says because it is there. */
const isFault = (error: unknown) => !(error instanceof ReplyError);

/**
 * The connection of what stands before the stock: counting, rating, captchas. A layer that cannot
 * ask must not let anybody through, and a buyer must hear so at once: nothing waits for a server
 * that is away, and only the first few for one that hangs. Of a Cluster that is so for each master by
 * itself. Commands of one turn of the event loop leave as one write. All rejections become 503 by
 * themselves.
 */
@Injectable()
export class AdmissionRedis implements OnApplicationShutdown {
  /** The connection itself, for those who may wait for a server that hangs. */
  readonly connection: RedisClient;
  private readonly circuit = new Circuit(isFault);
  /** Of a Cluster, instead of the one. */
  private readonly nodes: NodeCircuits | undefined;
  private readonly probing: NodeJS.Timeout;

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    connections: RedisConnections,
  ) {
    this.connection = connections.open('admission', {
      enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: commandTimeoutMs,
    });
    gatherWrites(this.connection);
    if (isCluster(this.connection)) {
      this.nodes = new NodeCircuits(connections, this.connection, isFault);
    }
    this.connection.on('ready', () => { (this.nodes ?? this.circuit).close(); });
    this.probing = setInterval(() => { void this.probe(); }, probeEveryMs).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.probing);
  }

  /** Then no script may have keys of several identities: they are on several servers. */
  get isCluster(): boolean {
    return isCluster(this.connection);
  }

  get isConnected(): boolean {
    return this.connection.status === 'ready';
  }

  /** Whether a server is not asked at the moment, because its last answers did not come. */
  get isOpenCircuit(): boolean {
    return (this.nodes ?? this.circuit).isOpen;
  }

  /** Whatever is asked here fails at once while the server that has the answer is known to be away. */
  ask<Answer>(question: (connection: RedisClient) => Promise<Answer>): Promise<Answer> {
    return this.through(() => question(this.connection));
  }

  /** The scripts of one module on this connection. */
  commands(scripts: readonly LuaScript[]): LuaCommands {
    return new LuaCommands(this.connection, scripts, (run) => this.through(run));
  }

  /** `fairdrop:throttle:user:alice`: a key of this installation. */
  key(...parts: readonly string[]): string {
    return [this.config.redisNamespace, ...parts].join(':');
  }

  /**
   * A user, address or device as a part of keys. A Cluster has all that is counted of one on one node,
   * so that a buyer depends on few; its mark stands for it there, since a tag has no braces.
   */
  identity(id: string): string {
    return this.isCluster ? `{${markOf(id)}}` : id;
  }

  /** A Cluster has its circuits before each command. */
  private through<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    return this.nodes === undefined ? this.circuit.run(work) : work();
  }

  /** Finds out before a buyer has to, when a server that hung goes on. */
  private async probe(): Promise<void> {
    if (this.nodes !== undefined) await this.nodes.probe();
    else if (this.circuit.isOpen) {
      await this.ask((connection) => connection.ping()).catch(() => undefined);
    }
  }
}

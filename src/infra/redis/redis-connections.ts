import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit }
  from '@nestjs/common';
import { Redis, type RedisOptions } from 'ioredis';
import { APP_CONFIG, parseRedisUrl, type AppConfig, type RedisAddress, type RedisHost }
  from '../../config';
import { readAnswersBeforeTimeouts } from './answers-before-timeouts';
import { ClusterMap } from './cluster-map';
import { keepHeartbeat } from './heartbeat';
import { hostOptions } from './host-options';
import { fitForWorkers, openCluster } from './open-cluster';
import { isCluster, type RedisClient } from './redis-client';
import { refusalBy } from './refusal';
import { Sentinels } from './sentinels';
import { eachServerSettings, faultOf } from './server-settings';

/** For a server that is just being started. */
const patienceMs = 5_000;
/** Longer than any command takes, a blocking read included. */
const heartbeatPatienceMs = 3_000;
const longestPauseMs = 500;
const probeTimeoutMs = 1_500;

/**
 * The Redis connections of a process that are not fenced. `general` carries idempotent commands and
 * reads; it waits out a short outage and then rejects. `subscriber` listens to channels only.
 */
@Injectable()
export class RedisConnections implements OnModuleInit, OnApplicationShutdown {
  /** How every connection of this process reaches Redis, those of BullMQ as well. */
  readonly server: RedisOptions;
  readonly general: RedisClient;
  readonly subscriber: RedisClient;
  /** Where there is a Cluster; `server` is then the first of its nodes. */
  readonly map: ClusterMap | undefined;
  private readonly nodes: readonly RedisHost[];
  private readonly opened = new Set<RedisClient>();
  private queues: RedisClient | undefined;
  private readonly logger = new Logger('Redis');
  private readonly listeners = new Map<string, ((message: string) => void)[]>();
  private isMute = false;
  private isStopping = false;

  constructor(@Inject(APP_CONFIG) private readonly config: AppConfig) {
    readAnswersBeforeTimeouts();
    const address = parseRedisUrl(config.redisUrl);
    if (!address) throw new Error('REDIS_URL names no server');
    this.nodes = 'nodes' in address.at ? address.at.nodes : [];
    this.server = this.optionsOf(address);
    this.general = this.open('general', { maxRetriesPerRequest: 3, commandTimeout: 5_000 });
    this.subscriber = this.open('subscriber', { maxRetriesPerRequest: null });
    this.subscriber.on('message', (channel: string, message: string) => {
      for (const listener of this.listeners.get(channel) ?? []) listener(message);
    });
    this.map = isCluster(this.general) ? new ClusterMap(this.general) : undefined;
  }

  /**
   * Refuses to start on a Redis that throws keys away when its memory is full: they are what buyers
   * were promised; on one that does less than DURABILITY promises for good; and on one that lets
   * nobody in who comes like this. A server that is not there, or one master of a Cluster, is waited
   * for a while; then the process starts without it, since sales may go on in the database or on the
   * others, and ends when it turns out to be such a server.
   */
  async onModuleInit(): Promise<void> {
    const examined = this.examine();
    const deadline = new AbortController();
    const isAway = await Promise.race([examined.then(() => false),
      sleep(patienceMs, true, { signal: deadline.signal })]).finally(() => { deadline.abort(); });
    if (!isAway) return;
    this.logger.error({ msg: 'redis, or a part of it, is away, starting without it', patienceMs });
    // A rejection is nobody's from here on, and so ends the process.
    void examined.then(() => {
      if (!this.isStopping) this.logger.log({ msg: 'redis is there now, and fit for sales' });
    });
  }

  /** Resolves, perhaps late, when all servers may be used; rejects with what to set on one. */
  private async examine(): Promise<void> {
    const probe = this.open('probe', { maxRetriesPerRequest: null,
      // Of a Cluster one node that hangs must not keep the others from being looked at.
      ...(this.map && { commandTimeout: probeTimeoutMs }) });
    await Promise.race([this.judge(probe), refusalBy(probe)]).finally(() => { probe.disconnect(); });
  }

  private async judge(probe: RedisClient): Promise<void> {
    let isWarned = false;
    try {
      for await (const settings of eachServerSettings(probe)) {
        const fault = faultOf(settings, this.config.durability);
        if (fault !== undefined) throw new Error(fault);
        if (settings.appendonly === 'yes' || isWarned) continue;
        isWarned = true;
        this.logger.warn({ msg: 'redis keeps nothing on disk', action: 'set "appendonly yes"' });
      }
    } catch (error) {
      if (!this.isStopping) throw error;
    }
  }

  /**
   * Milliseconds until attempt `times` to connect again: quick at first, since a restart should cost
   * about a second. Null, and no further attempt, once the process stops.
   */
  readonly retryStrategy = (times: number): number | null =>
    this.isStopping ? null : Math.min(20 * 2 ** Math.min(times, 6), longestPauseMs);

  private optionsOf({ at, isEncrypted, username, password, database: db }: RedisAddress):
  RedisOptions {
    // What kind of client it is, a user with few rights may not tell the server.
    const common = { username, password, db, disableClientInfo: true };
    if ('host' in at) return { ...common, ...hostOptions(at, isEncrypted) };
    if ('nodes' in at) return { ...common, ...hostOptions(at.nodes[0], isEncrypted) };
    const sentinels = new Sentinels(at, isEncrypted);
    sentinels.listen((name, options) => this.openServer(name, options));
    return { ...common, ...sentinels.masterOptions };
  }

  /**
   * A further connection, closed with the process. Commands that block need one of their own, and
   * cannot be sent to a Cluster by it: they would keep all others of their node waiting.
   */
  open(name: string, options: RedisOptions): RedisClient {
    const { server, nodes, retryStrategy } = this;
    if (nodes.length === 0) return this.openServer(name, { ...server, ...options });
    const cluster = openCluster({
      nodes, options: { ...server, ...options, ...this.common(name) },
      retryStrategy, patienceMs: heartbeatPatienceMs,
    });
    this.adopt(name, cluster);
    return cluster;
  }

  /** The same to one server, which may be a node of a Cluster. */
  openServer(name: string, options: RedisOptions): Redis {
    const { retryStrategy } = this;
    const connection = new Redis({ ...options, ...this.common(name), retryStrategy });
    keepHeartbeat(connection, heartbeatPatienceMs);
    this.adopt(name, connection);
    return connection;
  }

  /** The connection to a Cluster that all queues of the process share; undefined without a Cluster. */
  forQueues(options: RedisOptions): RedisClient | undefined {
    if (this.map === undefined || this.queues !== undefined) return this.queues;
    const connection = this.open('queues', options);
    if (isCluster(connection)) fitForWorkers(connection);
    this.queues = connection;
    return connection;
  }

  private common(name: string): RedisOptions {
    return { connectTimeout: 3_000, connectionName: `fairdrop-${name}` };
  }

  /** Closes this connection, too, when the process stops, and reports its faults. */
  adopt(name: string, connection: RedisClient): void {
    let lastMessage = '';
    connection.on('error', (error: Error) => {
      // Once per outage, not once per attempt.
      if (error.message !== lastMessage) {
        this.logger.warn({ msg: 'redis connection fault', connection: name, error: error.message });
      }
      lastMessage = error.message;
    });
    connection.on('ready', () => { lastMessage = ''; });
    connection.on('end', () => { this.opened.delete(connection); });
    this.opened.add(connection);
  }

  /** A channel of this installation; others may share the server. */
  channel(name: string): string {
    return `${this.config.redisNamespace}:${name}`;
  }

  /** Hears every message on the channel from now on; ioredis subscribes again after an outage. */
  subscribe(name: string, listener: (message: string) => void): void {
    const channel = this.channel(name);
    const known = this.listeners.get(channel);
    if (known) {
      known.push(listener);
      return;
    }
    this.listeners.set(channel, [listener]);
    // Not awaited: a process starts, and its polls work, while Redis is away.
    this.subscriber.subscribe(channel).catch((error: Error) => {
      this.logger.warn({ msg: 'channel not heard, only polled', channel, error: error.message });
    });
  }

  /** Tells the other processes. A lost message costs time, never correctness: receivers also poll. */
  publish(name: string, message: string): void {
    // Nobody hears it, and what is said in an outage must not pile up.
    if (this.general.status !== 'ready') return;
    this.general.publish(this.channel(name), message).then(
      () => { this.isMute = false; },
      (error: Error) => {
        // Once per outage, not once per message.
        if (!this.isMute) {
          this.logger.warn({ msg: 'message not published', channel: name, error: error.message });
        }
        this.isMute = true;
      });
  }

  /**
   * From here on a connection that is lost stays lost: ioredis never says the end of one that is told
   * to disconnect between two attempts, and whoever closes it would wait. Resolves to whether there
   * is a server that answers; if not, no connection is between two attempts any more.
   */
  async beginStopping(): Promise<boolean> {
    this.isStopping = true;
    const patience = new AbortController();
    const answer = this.general.ping().then(() => true, () => false);
    const late = sleep(2 * longestPauseMs, false, { signal: patience.signal });
    const isThere = await Promise.race([answer, late]);
    if (isThere) patience.abort();
    else await late;
    return isThere;
  }

  /** Runs after queues and loops have stopped. */
  onApplicationShutdown(): void {
    this.isStopping = true; // also where no queues began it
    for (const connection of this.opened) {
      // A second disconnect would wait two seconds for a close that has been.
      if (connection.status !== 'end') connection.disconnect();
    }
  }
}

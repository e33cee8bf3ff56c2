import { Redis } from 'ioredis';
import { createConnection, type Connection } from 'mysql2/promise';
import type { AppConfig } from '../../../src/config';
import type { Failpoint } from '../../../src/infra/failpoint';
import { saleKeys } from '../../../src/stock/sale-keys';
import { freePort } from '../../../tools/lib/servers.mjs';
import { Crowd } from '../../support/crowd';
import { ProductProcess } from '../../support/product-process';
import { testConfig, testEnvironment, withDatabase } from '../../support/stack';
import type { PrivateServers } from './private-servers';

export type Roles = 'api' | 'worker' | 'api,worker';

/**
 * How one process differs from the others. `failpoint`: where it dies, see src/infra/failpoint;
 * `program`: the path of another build's main.js.
 */
interface Start {
  roles?: Roles;
  failpoint?: Failpoint;
  program?: string;
  environment?: Readonly<Record<string, string>>;
}

/** Ways to the servers that are not the direct ones, and variables of every process. */
interface Surroundings {
  redisPort?: number;
  databasePort?: number;
  environment?: Readonly<Record<string, string>>;
}

/** The product as child processes on private servers, with database and namespace of its own. */
export class Deployment {
  /** Its URLs are those of the servers themselves. */
  readonly config: AppConfig;
  /** An operator's connection to the server itself. */
  redis: Redis;
  private readonly running = new Map<ProductProcess, Roles>();
  private readonly crowds: Crowd[] = [];

  private constructor(
    private readonly folder: string,
    private readonly environment: Readonly<Record<string, string>>,
    { redisUrl, databaseUrl }: { redisUrl: string; databaseUrl: string },
  ) {
    this.config = testConfig({ ...environment, REDIS_URL: redisUrl, DATABASE_URL: databaseUrl });
    this.redis = connectRedis(redisUrl);
  }

  static async create(servers: PrivateServers,
    { redisPort = servers.redisPort, databasePort = servers.databasePort, environment = {} }:
    Surroundings = {}): Promise<Deployment> {
    const { databaseUrl } = await withDatabase(servers.databaseUrl);
    return new Deployment(servers.folder, testEnvironment({
      REDIS_URL: withPort(servers.redisUrl, redisPort),
      DATABASE_URL: withPort(databaseUrl, databasePort),
      RESERVATION_LEASE_SECONDS: '1', LOG_LEVEL: 'warn', ...environment,
    }), { redisUrl: servers.redisUrl, databaseUrl });
  }

  /** Starts a process and waits until it answers. */
  async start(start: Start = {}): Promise<ProductProcess> {
    const process = await this.launch(start);
    await process.ready;
    return process;
  }

  /** Starts a process that may die before it answers. */
  async launch({ roles = 'api,worker', failpoint, program, environment }: Start = {}):
  Promise<ProductProcess> {
    const process = new ProductProcess({ ...this.environment, PORT: String(await freePort()),
      ROLES: roles, ...(failpoint !== undefined && { FAILPOINT: failpoint }), ...environment },
    this.config, this.folder, program);
    this.running.set(process, roles);
    void process.ended.then(() => this.running.delete(process));
    return process;
  }

  /** Those that live and have this role, or any. */
  processes(role?: 'api' | 'worker'): ProductProcess[] {
    return [...this.running].filter(([, roles]) => role === undefined || roles.includes(role))
      .map(([process]) => process);
  }

  /** From now on the operator is connected to this server: another one is the master now. */
  readRedisFrom(url: string): void {
    this.redis.disconnect();
    this.redis = connectRedis(url);
  }

  /** Buyers who come one after the other to whatever process answers. */
  crowd(saleId: string): Crowd {
    const crowd = new Crowd(() => this.processes('api').map(({ client }) => client), saleId);
    this.crowds.push(crowd);
    return crowd;
  }

  /** A connection to its database; who opens it ends it. */
  connectDatabase(): Promise<Connection> {
    return createConnection({ uri: this.config.databaseUrl, timezone: 'Z', decimalNumbers: true });
  }

  /** How many jobs of a queue are in this list of BullMQ. */
  jobs(queue: string, list: 'active' | 'wait'): Promise<number> {
    return this.redis.llen(`{${this.config.redisNamespace}-${queue}}:${queue}:${list}`);
  }

  /** The names of a queue's repeated jobs, sorted. */
  async schedules(queue: string): Promise<string[]> {
    return (await this.redis.zrange(`{${this.config.redisNamespace}-${queue}}:${queue}:repeat`,
      0, '-1')).sort();
  }

  /** Deletes every queue with its jobs and schedules, and the deadlines that Redis has of a sale. */
  async deleteTimers(saleId: string): Promise<void> {
    const queues = await this.redis.keys(`{${this.config.redisNamespace}-*`);
    await this.redis.del(...queues, saleKeys(this.config.redisNamespace, saleId).due);
  }

  async killAll(): Promise<void> {
    await Promise.all(this.processes().map((process) => process.end()));
  }

  async stop(): Promise<void> {
    for (const crowd of this.crowds) crowd.abandon();
    await this.killAll();
    this.redis.disconnect();
  }
}

function connectRedis(url: string): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
  return redis.on('error', () => undefined); // it is killed on purpose
}

function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}

import { Redis } from 'ioredis';
import { createConnection, type Connection } from 'mysql2/promise';
import type { AppConfig } from '../../../src/config';
import { saleKeys } from '../../../src/stock/sale-keys';
import { freePort } from '../../../tools/lib/servers.mjs';
import { testConfig, testEnvironment, withDatabase } from '../../support/stack';
import { Crowd } from './crowd';
import type { PrivateServers } from './private-servers';
import { ProductProcess } from './product-process';
import type { TestClient } from '../../support/client';

/** How one process differs from the others. `failpoint`: where it dies, see src/infra/failpoint. */
interface Start {
  roles?: 'api' | 'worker' | 'api,worker';
  failpoint?: string;
}

/** The product as child processes on private servers, with database and namespace of its own. */
export class Deployment {
  readonly config: AppConfig;
  readonly redis: Redis;
  private readonly processes = new Map<ProductProcess, Start['roles']>();
  private readonly crowds: Crowd[] = [];

  private constructor(
    private readonly servers: PrivateServers,
    private readonly environment: Readonly<Record<string, string>>,
  ) {
    this.config = testConfig(environment);
    this.redis = new Redis(servers.redisUrl,
      { maxRetriesPerRequest: null, retryStrategy: () => 50 });
    this.redis.on('error', () => undefined); // it is killed on purpose
  }

  static async create(servers: PrivateServers): Promise<Deployment> {
    const { databaseUrl } = await withDatabase(servers.databaseUrl);
    return new Deployment(servers, testEnvironment({
      REDIS_URL: servers.redisUrl, DATABASE_URL: databaseUrl, RESERVATION_LEASE_SECONDS: '1',
      LOG_LEVEL: 'warn',
    }));
  }

  /** Starts a process and waits until it answers. */
  async start(start: Start = {}): Promise<ProductProcess> {
    const process = await this.launch(start);
    await process.ready;
    return process;
  }

  /** Starts a process that may die before it answers. */
  async launch({ roles = 'api,worker', failpoint }: Start = {}): Promise<ProductProcess> {
    const process = new ProductProcess({ ...this.environment, PORT: String(await freePort()),
      ROLES: roles, ...(failpoint !== undefined && { FAILPOINT: failpoint }) },
    this.config, this.servers.folder);
    this.processes.set(process, roles);
    void process.ended.then(() => this.processes.delete(process));
    return process;
  }

  /** Buyers who come one after the other to whatever process answers. */
  crowd(saleId: string): Crowd {
    const crowd = new Crowd(() => this.clients(), saleId);
    this.crowds.push(crowd);
    return crowd;
  }

  /** A connection to its database; who opens it ends it. */
  connectDatabase(): Promise<Connection> {
    return createConnection({ uri: this.config.databaseUrl, decimalNumbers: true });
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
    await Promise.all([...this.processes.keys()].map((process) => process.end()));
  }

  async stop(): Promise<void> {
    for (const crowd of this.crowds) crowd.abandon();
    await this.killAll();
    this.redis.disconnect();
  }

  /** Of the processes that sell. */
  private clients(): TestClient[] {
    return [...this.processes].filter(([, roles]) => roles !== 'worker')
      .map(([{ client }]) => client);
  }
}

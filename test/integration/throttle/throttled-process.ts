import { AdmissionRedis, isCluster, RedisConnections } from '../../../src/infra/redis';
import { SlidingWindowStorage } from '../../../src/throttle/sliding-window-storage';
import { Throttle, type ThrottleSubject } from '../../../src/throttle';
import { testConfig } from '../../support/stack';
import { until } from '../../support/until';

/** One process of a product, as far as it throttles. Those of one namespace are one product. */
export class ThrottledProcess {
  private constructor(
    readonly redis: AdmissionRedis,
    readonly storage: SlidingWindowStorage,
    readonly throttle: Throttle,
    private readonly connections: RedisConnections,
  ) {}

  static async start(environment: Record<string, string> = {}): Promise<ThrottledProcess> {
    const process = ThrottledProcess.begin(environment);
    await until('connected', async () => process.redis.connection.status === 'ready');
    return process;
  }

  /** Without waiting for Redis. */
  static begin(environment: Record<string, string> = {}): ThrottledProcess {
    const config = testConfig({ DATABASE_URL: 'mysql://127.0.0.1/unused', ...environment });
    const connections = new RedisConnections(config);
    const redis = new AdmissionRedis(config, connections);
    const storage = new SlidingWindowStorage(redis);
    return new ThrottledProcess(redis, storage, new Throttle(config, redis, storage), connections);
  }

  /** Lets the store take its time, where a test is not about a store that hangs. */
  letStoreBeSlow(): this {
    const { connection } = this.redis;
    if (!isCluster(connection)) connection.options.commandTimeout = 30_000;
    return this;
  }

  /** `passed`, or what the request was refused with. */
  async ask(subject: ThrottleSubject): Promise<string> {
    try {
      await this.throttle.admit(subject);
      return 'passed';
    } catch (error) {
      if (error instanceof Error) return error.message;
      throw error;
    }
  }

  /** How many of so many requests at the same time pass. */
  async crowd(requests: number, subjectOf: (i: number) => ThrottleSubject): Promise<number> {
    const outcomes = await Promise.all(
      Array.from({ length: requests }, (_, i) => this.ask(subjectOf(i))));
    return outcomes.filter((outcome) => outcome === 'passed').length;
  }

  /** Every key that throttling left, without the namespace. */
  async keys(): Promise<string[]> {
    const prefix = this.redis.key('throttle', '');
    const keys = await this.redis.connection.keys(`${prefix}*`);
    return keys.map((key) => key.slice(prefix.length)).sort();
  }

  /** When the requests counted in a log were let through, in microseconds, the newest first. */
  async log(...key: string[]): Promise<number[]> {
    return (await this.redis.connection.lrange(this.redis.key('throttle', ...key), 0, -1))
      .map(Number);
  }

  /** Lets time pass for one log: its requests were let through so much earlier. */
  async age(microseconds: number, ...key: string[]): Promise<void> {
    const full = this.redis.key('throttle', ...key);
    const log = await this.log(...key);
    if (log.length === 0) return;
    const older = log.map((at) => at - microseconds);
    const transaction = this.redis.connection.multi().del(full).rpush(full, ...older);
    await transaction.expire(full, 100).exec();
  }

  /** The clock of Redis in microseconds. */
  async nowMicroseconds(): Promise<number> {
    const [seconds, microseconds] = await this.redis.connection.time();
    return Number(seconds) * 1e6 + Number(microseconds);
  }

  async stop(): Promise<void> {
    this.letStoreBeSlow();
    if (this.redis.connection.status === 'ready') {
      const keys = await this.redis.connection.keys(this.redis.key('throttle', '*'));
      if (keys.length > 0) await this.redis.connection.unlink(keys);
    }
    this.connections.onApplicationShutdown();
  }
}

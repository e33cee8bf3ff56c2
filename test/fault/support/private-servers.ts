import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMariadb, startRedis, type Server } from '../../../tools/lib/servers.mjs';

/** A Redis and a MariaDB that one test file may kill, corrupt and start again on the same ports. */
export class PrivateServers {
  private constructor(
    readonly folder: string,
    private redis: Server,
    private mariadb: Server,
  ) {}

  static async start(): Promise<PrivateServers> {
    const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-fault-'));
    const [redis, mariadb] = await Promise.all([
      startRedis({ dir: join(folder, 'redis') }), startMariadb({ dir: join(folder, 'mariadb') }),
    ]);
    return new PrivateServers(folder, redis, mariadb);
  }

  get redisUrl(): string {
    return this.redis.url;
  }

  get databaseUrl(): string {
    return this.mariadb.url;
  }

  async killRedis(): Promise<void> {
    this.redis.kill();
    await this.redis.exited;
  }

  /** Redis takes connections and commands, and answers nothing until it is thawed. */
  freezeRedis(): void {
    this.redis.kill('SIGSTOP');
  }

  thawRedis(): void {
    this.redis.kill('SIGCONT');
  }

  async startRedis(): Promise<void> {
    const { port } = this.redis;
    this.redis = await startRedis({ dir: join(this.folder, 'redis'), port });
  }

  /** Of a Redis that is down: as if its disk had been new. */
  emptyRedis(): void {
    rmSync(join(this.folder, 'redis', 'data'), { recursive: true });
  }

  /** Of a Redis that is down: as if the last part of its writes had never reached the disk. */
  cutRedis(share: number): void {
    const files = join(this.folder, 'redis', 'data', 'appendonlydir');
    const newest = readdirSync(files).filter((name) => name.endsWith('.incr.aof')).sort().at(-1);
    if (newest === undefined) throw new Error('Redis has no append-only file');
    const file = join(files, newest);
    truncateSync(file, Math.floor(statSync(file).size * (1 - share)));
  }

  async killMariadb(): Promise<void> {
    this.mariadb.kill();
    await this.mariadb.exited;
  }

  async startMariadb(): Promise<void> {
    const { port } = this.mariadb;
    this.mariadb = await startMariadb({ dir: join(this.folder, 'mariadb'), port });
  }

  async stop(): Promise<void> {
    await Promise.all([this.killRedis(), this.killMariadb()]);
    rmSync(this.folder, { recursive: true });
  }
}

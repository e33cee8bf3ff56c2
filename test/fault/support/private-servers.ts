import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { startMariadb, startRedis, type Server } from '../../../tools/lib/servers.mjs';

/** Further settings of the servers' command lines, and where their data lies if not here. */
export interface ServerSettings {
  redis?: readonly string[];
  mariadb?: readonly string[];
  redisFolder?: string;
  mariadbFolder?: string;
}

/** A Redis and a MariaDB that one test file may kill, corrupt and start again on the same ports. */
export class PrivateServers {
  private readonly replicas: Server[] = [];

  private constructor(
    readonly folder: string,
    private readonly settings: { redis: Settings; mariadb: Settings },
    private redis: Server,
    private mariadb: Server,
  ) {}

  static async start({ redis = [], mariadb = [], redisFolder, mariadbFolder }: ServerSettings = {}):
  Promise<PrivateServers> {
    const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-fault-'));
    const settings = {
      redis: { dir: redisFolder ?? join(folder, 'redis'), args: [...redis] },
      mariadb: { dir: mariadbFolder ?? join(folder, 'mariadb'), args: [...mariadb] },
    };
    const [redisServer, mariadbServer] = await Promise.all([
      startRedis(settings.redis), startMariadb(settings.mariadb),
    ]);
    return new PrivateServers(folder, settings, redisServer, mariadbServer);
  }

  get redisUrl(): string {
    return this.redis.url;
  }

  get redisPort(): number {
    return this.redis.port;
  }

  get databaseUrl(): string {
    return this.mariadb.url;
  }

  get databasePort(): number {
    return this.mariadb.port;
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
    this.redis = await startRedis({ ...this.settings.redis, port });
  }

  /**
   * A new server that follows this Redis, by itself or over the port of a proxy. Stopped with the
   * others.
   */
  async startReplica(masterPort = this.redis.port): Promise<Server> {
    const dir = join(this.folder, `replica-${this.replicas.length}`);
    const args = ['--replicaof', '127.0.0.1', String(masterPort)];
    const replica = await startRedis({ dir, args: [...this.settings.redis.args, ...args] });
    this.replicas.push(replica);
    return replica;
  }

  /** Of a Redis that is down: as if its disk had been new. */
  emptyRedis(): void {
    rmSync(join(this.settings.redis.dir, 'data'), { recursive: true });
  }

  /** Of a Redis that is down: as if the last part of its writes had never reached the disk. */
  cutRedis(share: number): void {
    const { path, bytes } = this.appendOnlyFile();
    truncateSync(path, Math.floor(bytes * (1 - share)));
  }

  /** Of a Redis that is down: as if so many bytes of its last writes had not reached the disk. */
  tearRedis(lostBytes: number): void {
    const { path, bytes } = this.appendOnlyFile();
    truncateSync(path, bytes - lostBytes);
  }

  private appendOnlyFile(): { path: string; bytes: number } {
    const files = join(this.settings.redis.dir, 'data', 'appendonlydir');
    const newest = readdirSync(files).filter((name) => name.endsWith('.incr.aof')).sort().at(-1);
    if (newest === undefined) throw new Error('Redis has no append-only file');
    const path = join(files, newest);
    return { path, bytes: statSync(path).size };
  }

  async killMariadb(): Promise<void> {
    this.mariadb.kill();
    await this.mariadb.exited;
  }

  /** Of a MariaDB that is down: the folder where its binary logs are kept from now on. */
  saveBinaryLogs(): string {
    const data = join(this.settings.mariadb.dir, 'data');
    const saved = mkdtempSync(join(this.folder, 'binlogs-'));
    for (const name of readdirSync(data).filter((file) => file.startsWith('binlog.'))) {
      copyFileSync(join(data, name), join(saved, name));
    }
    return saved;
  }

  /** Of a MariaDB that is down: as if its disk had been new. */
  emptyMariadb(): void {
    rmSync(join(this.settings.mariadb.dir, 'data'), { recursive: true });
  }

  freezeMariadb(): void {
    this.mariadb.kill('SIGSTOP');
  }

  thawMariadb(): void {
    this.mariadb.kill('SIGCONT');
  }

  async startMariadb(): Promise<void> {
    const { port } = this.mariadb;
    this.mariadb = await startMariadb({ ...this.settings.mariadb, port });
  }

  /** As an operator would, who finds that MariaDB has ended by itself: some do on a full disk. */
  async reviveMariadb(): Promise<void> {
    const hasEnded = await Promise.race([this.mariadb.exited.then(() => true), setImmediate(false)]);
    if (hasEnded) await this.startMariadb();
  }

  async stop(): Promise<void> {
    for (const replica of this.replicas) replica.kill();
    await Promise.all([this.killRedis(), this.killMariadb(),
      ...this.replicas.map(({ exited }) => exited)]);
    rmSync(this.folder, { recursive: true });
  }
}

interface Settings {
  dir: string;
  args: string[];
}

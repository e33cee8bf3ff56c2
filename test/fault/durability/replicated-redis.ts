import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRedis, type Server } from '../../../tools/lib/servers.mjs';
import { FaultProxy } from '../../support/fault-proxy';
import { until } from '../../support/until';

/** A new replica gets its copy without waiting for others who may come. */
const atOnce = ['--repl-diskless-sync-delay', '0'];

/** A Redis and one replica of it, which a test may detach and promote. */
export class ReplicatedRedis {
  private constructor(
    private readonly folder: string,
    /** Between the two: it makes the replica lag. */
    readonly link: FaultProxy,
    private master: Server,
    private replica: Server,
  ) {}

  static async start(): Promise<ReplicatedRedis> {
    const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-replica-'));
    const master = await startRedis({ dir: join(folder, 'one'), args: atOnce });
    const link = await FaultProxy.start(master.port);
    const replica = await startRedis({ dir: join(folder, 'two'), args: replicaOf(link) });
    const servers = new ReplicatedRedis(folder, link, master, replica);
    await servers.inSync();
    return servers;
  }

  get masterUrl(): string {
    return this.master.url;
  }

  get masterPort(): number {
    return this.master.port;
  }

  async detachReplica(): Promise<void> {
    await on(this.replica, (redis) => redis.replicaof('NO', 'ONE'));
  }

  async attachReplica(): Promise<void> {
    await on(this.replica, (redis) => redis.replicaof('127.0.0.1', this.link.port));
    await this.inSync();
  }

  /** The master dies, and its replica takes over with what it has got, itself without any replica. */
  async failOver(): Promise<void> {
    this.master.kill();
    await this.master.exited;
    await this.detachReplica();
    [this.master, this.replica] = [this.replica, this.master];
  }

  /** A new server follows the one that took over. */
  async startReplica(): Promise<void> {
    this.link.retarget(this.master.port);
    this.link.flow();
    this.replica = await startRedis({ dir: join(this.folder, 'three'), args: replicaOf(this.link) });
    await this.inSync();
  }

  /** How often the master was asked for this command. */
  async calls(command: string): Promise<number> {
    const stats = await on(this.master, (redis) => redis.info('commandstats'));
    return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
  }

  async stop(): Promise<void> {
    await this.link.stop();
    for (const server of [this.replica, this.master]) {
      server.kill();
      await server.exited;
    }
    rmSync(this.folder, { recursive: true });
  }

  private async inSync(): Promise<void> {
    await on(this.master, (redis) => until('the replica follows', async () =>
      /^slave0:.*state=online/m.test(await redis.info('replication'))));
  }
}

function replicaOf({ port }: FaultProxy): string[] {
  return ['--replicaof', '127.0.0.1', String(port), ...atOnce];
}

async function on<Result>(server: Server, work: (redis: Redis) => Promise<Result>): Promise<Result> {
  const redis = new Redis(server.url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

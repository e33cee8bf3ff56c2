import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRedis, startSentinel, type Server } from '../../../tools/lib/servers.mjs';
import { until } from '../../support/until';

const masterName = 'shop';
const sentinelCount = 3;
/** Shorter, and a busy machine changes the master by itself. */
const downAfterMs = 6_000;
/** A new replica gets its copy without waiting for others who may come. */
const atOnce = ['--repl-diskless-sync-delay', '0'];

/** A Redis with replicas, and three sentinels that choose another master when it is gone. */
export class WatchedRedis {
  private constructor(
    private readonly folder: string,
    private readonly servers: readonly Server[],
    private readonly sentinels: readonly Server[],
  ) {}

  static async start(replicaCount: number): Promise<WatchedRedis> {
    const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-sentinel-'));
    const master = await startRedis({ dir: join(folder, 'server-0'), args: atOnce });
    const replicas = await times(replicaCount, (number) => startRedis({
      dir: join(folder, `server-${number + 1}`),
      args: [...atOnce, '--replicaof', '127.0.0.1', String(master.port)] }));
    await on(master.port, (redis) => until('the replicas follow', async () =>
      (await redis.info('replication')).match(/state=online/g)?.length === replicaCount));
    const sentinels = await times(sentinelCount, (number) => startSentinel({
      dir: join(folder, `sentinel-${number}`), settings: [
        `sentinel monitor ${masterName} 127.0.0.1 ${master.port} 2`,
        `sentinel down-after-milliseconds ${masterName} ${downAfterMs}`,
        `sentinel failover-timeout ${masterName} 6000`,
      ] }));
    const watched = new WatchedRedis(folder, [master, ...replicas], sentinels);
    await Promise.all(sentinels.map(({ port }) => watched.knowsAll(port, replicaCount)));
    return watched;
  }

  /** What REDIS_URL says. */
  get url(): string {
    const hosts = this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return `redis+sentinel://${hosts}/${masterName}`;
  }

  /** The port of the master, as a sentinel knows it. */
  async masterPort(): Promise<number> {
    const address = await this.askSentinel<[string, string]>('GET-MASTER-ADDR-BY-NAME', masterName);
    return Number(address[1]);
  }

  async runIdOf(port: number): Promise<string | undefined> {
    return on(port, async (redis) => /^run_id:(\w+)/m.exec(await redis.info('server'))?.[1]);
  }

  /** The master dies, and the sentinel that stands first in the URL. */
  async killMachineOfMaster(): Promise<void> {
    const port = await this.masterPort();
    for (const server of [...this.servers.filter((one) => one.port === port),
      ...this.sentinels.slice(0, 1)]) {
      server.kill();
      await server.exited;
    }
  }

  /**
   * As docs/operations.md says that a master is changed on purpose: the old one takes no more writes,
   * and lives on. It never hears that it is none any more: sentinels would tell it after some seconds.
   * Resolves to the port of the new one when the sentinels have it.
   */
  async orderFailOver(): Promise<number> {
    const old = await this.masterPort();
    await on(old, (redis) => redis.call('ACL', 'SETUSER', 'default', '-replicaof', '-slaveof'));
    await on(old, (redis) => redis.call('CLIENT', 'PAUSE', 60_000, 'WRITE'));
    // Refused while the replica has not answered for five seconds, as on a busy machine.
    await until('a sentinel obeys', () =>
      this.askSentinel('FAILOVER', masterName).then(() => true, () => false));
    return until('the sentinels have another master', async () => {
      const port = await this.masterPort();
      return port !== old && port;
    });
  }

  /** What the server is, and the names of those who are connected to it, sentinels left out. */
  async visitorsOf(port: number): Promise<{ role: string; names: string[] }> {
    return on(port, async (redis) => {
      const [[role], list] = await Promise.all([
        redis.role() as Promise<[string]>, redis.client('LIST', 'TYPE', 'NORMAL')]);
      const others = String(list).trim().split('\n').filter((line) => !/cmd=client\|list/.test(line));
      return { role, names: others.map((line) => / name=(\S*)/.exec(line)?.[1] ?? '')
        .filter((name) => !name.startsWith('sentinel-')) };
    });
  }

  async stop(): Promise<void> {
    const all = [...this.sentinels, ...this.servers];
    for (const server of all) server.kill();
    await Promise.all(all.map(({ exited }) => exited));
    rmSync(this.folder, { recursive: true });
  }

  private async knowsAll(port: number, replicaCount: number): Promise<void> {
    await on(port, async (sentinel) => {
      // A machine that is busy with other tests is no reason to trust no clock for half a minute.
      await sentinel.call('SENTINEL', 'DEBUG', 'tilt-trigger', 20_000);
      await until('a sentinel knows the others and the replicas', async () => {
        const fields = await sentinel.call('SENTINEL', 'MASTER', masterName) as string[];
        const count = (name: string) => Number(fields[fields.indexOf(name) + 1]);
        return count('num-slaves') === replicaCount
          && count('num-other-sentinels') === sentinelCount - 1;
      });
    });
  }

  private async askSentinel<Answer>(...command: string[]): Promise<Answer> {
    return on(this.sentinels.at(-1)?.port, (sentinel) =>
      sentinel.call('SENTINEL', ...command) as Promise<Answer>);
  }
}

async function times<Result>(count: number,
  work: (number: number) => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: count }, (_none, number) => work(number)));
}

async function on<Result>(port: number | undefined,
  work: (redis: Redis) => Promise<Result>): Promise<Result> {
  const redis = new Redis({ port });
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

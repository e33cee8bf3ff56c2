import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { slotOf } from '../../src/infra/redis/slot';
import { freePort, startRedis, type Server } from '../../tools/lib/servers.mjs';
import { until } from './until';

const masters = 3;
const slots = 16_384;
/** After so long without an answer a master is replaced. Shorter, and a busy machine does it by itself. */
const nodeTimeoutMs = 6_000;
const askAgainMs = 15_000;
const keyPatienceMs = 30_000;

interface Node {
  server: Server;
  isAlive: boolean;
  readonly settings: { dir: string; args: string[] };
  readonly busPort: number;
  redis: Redis;
  readonly id: string;
}

/** A real Redis Cluster on this machine: three masters, and a replica of each. */
export class RedisCluster {
  private constructor(private readonly folder: string, private readonly nodes: Node[]) {}

  static async start(): Promise<RedisCluster> {
    const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-cluster-'));
    const nodes = await Promise.all(Array.from({ length: 2 * masters }, (_, place) =>
      startNode(join(folder, `node-${place}`))));
    const cluster = new RedisCluster(folder, nodes);
    await cluster.form();
    return cluster;
  }

  /** As REDIS_URL: two of the nodes, which name the others. */
  get url(): string {
    return this.nodes.slice(0, 2).map(({ server }) => server.url).join(',');
  }

  /** Which node has the key: its place among all six. */
  async placeOf(key: string): Promise<number> {
    const id = await this.masterIdOf(slotOf(key));
    return this.nodes.findIndex((node) => node.id === id);
  }

  /** Ends a node at once. Its replica, if it has one, takes over by itself. */
  async kill(place: number): Promise<void> {
    const node = this.at(place);
    node.isAlive = false;
    node.redis.disconnect();
    node.server.kill();
    await node.server.exited;
  }

  /** A master of the beginning hangs, and nobody takes over: its replica is gone. */
  async hang(place: number): Promise<void> {
    if (this.at(place + masters).isAlive) await this.kill(place + masters);
    this.at(place).isAlive = false;
    this.at(place).server.kill('SIGSTOP');
  }

  /** A master that hangs goes on. */
  goOn(place: number): void {
    this.at(place).isAlive = true;
    this.at(place).server.kill('SIGCONT');
  }

  /** A node that was killed comes back with its data, and follows who is the master by now. */
  async restart(place: number): Promise<void> {
    await this.comeBack(place);
    await until('it follows', async () =>
      /^master_link_status:up/m.test(await this.at(place).redis.info('replication')));
  }

  /** A node that was killed comes back with its data; further arguments are settings. */
  async comeBack(place: number, ...args: string[]): Promise<void> {
    const node = this.at(place);
    const { settings, server: { port } } = node;
    node.server = await startRedis({ ...settings, port, args: [...settings.args, ...args] });
    node.redis = connect(node.server.url);
    node.isAlive = true;
  }

  /** Changes a setting of one node. */
  async configure(place: number, name: string, value: string): Promise<void> {
    await this.at(place).redis.config('SET', name, value);
  }

  /** Another node has become the master of the key, and all that live know. */
  async failedOver(key: string, from: number): Promise<void> {
    const { id } = this.at(from);
    await this.agreed(slotOf(key), (master) => master !== id);
  }

  /**
   * Moves the slot of a key to this node, one key after the other with a pause between them, as a
   * resharding of a large Cluster would.
   */
  async move(key: string, to: number, pauseMs: number): Promise<void> {
    const slot = slotOf(key);
    const source = this.at(await this.placeOf(key));
    const target = this.at(to);
    await target.redis.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source.id);
    await source.redis.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target.id);
    for (;;) {
      const [next] = await source.redis.call('CLUSTER', 'GETKEYSINSLOT', slot, 1) as string[];
      if (next === undefined) break;
      await source.redis.call('MIGRATE', '127.0.0.1', target.server.port, next, 0, keyPatienceMs);
      await sleep(pauseMs);
    }
    for (const { redis } of [target, source]) {
      await redis.call('CLUSTER', 'SETSLOT', slot, 'NODE', target.id);
    }
    await this.agreed(slot, (master) => master === target.id);
  }

  /** The replica of a key's master takes over in an orderly way, as before maintenance. */
  async handOver(key: string): Promise<void> {
    const from = await this.placeOf(key);
    const { id, redis } = this.at(from);
    const [replicaId] = (await viewOf(redis)).map((line) => line.split(' '))
      .find(([, , , master]) => master === id) ?? [];
    const replica = this.nodes.find((node) => node.id === replicaId);
    if (!replica) throw new Error(`Node ${from} has no replica`);
    const order = () => replica.redis.call('CLUSTER', 'FAILOVER');
    await order();
    // One that is not over within five seconds is given up, and has to be ordered again.
    const again = setInterval(() => { order().catch(() => undefined); }, askAgainMs);
    await this.failedOver(key, from).finally(() => { clearInterval(again); });
  }

  async stop(): Promise<void> {
    for (const { redis, server } of this.nodes) {
      // A second disconnect would wait two seconds for a close that has been.
      if (redis.status !== 'end') redis.disconnect();
      server.kill();
      await server.exited;
    }
    rmSync(this.folder, { recursive: true });
  }

  private at(place: number): Node {
    const node = this.nodes[place];
    if (!node) throw new Error(`There is no node ${place}`);
    return node;
  }

  private living(): Node[] {
    return this.nodes.filter(({ isAlive }) => isAlive);
  }

  private masters(): Node[] {
    return this.nodes.slice(0, masters);
  }

  private agreed(slot: number, isRight: (master: string) => boolean): Promise<boolean> {
    return until('all that live see the new master', async () => {
      const seen = await Promise.all(this.living().map((node) => masterIdOf(node, slot)));
      return seen.every((master) => master !== undefined && isRight(master));
    });
  }

  private async masterIdOf(slot: number): Promise<string> {
    const [node] = this.living();
    const id = node && await masterIdOf(node, slot);
    if (id === undefined) throw new Error(`No node has slot ${slot}`);
    return id;
  }

  private async form(): Promise<void> {
    for (const [place, { redis }] of this.nodes.entries()) {
      // Different from the start, or they would first have to agree who changes his.
      await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', place + 1);
      if (place < masters) {
        await redis.call('CLUSTER', 'ADDSLOTSRANGE', Math.ceil(slots * place / masters),
          Math.ceil(slots * (place + 1) / masters) - 1);
      }
    }
    // Nobody tries again to meet who did not answer within the timeout of a node.
    await until('all know each other', async () => {
      await this.introduce();
      return until('they do', () => this.areAcquainted(), askAgainMs).catch(() => false);
    });
    for (const [place, { redis }] of this.nodes.slice(masters).entries()) {
      await redis.call('CLUSTER', 'REPLICATE', this.at(place).id);
    }
    await until('all masters have a replica that follows', async () => {
      const replications = await Promise.all(this.masters().map(({ redis }) =>
        redis.info('replication')));
      return replications.every((text) => /^slave0:.*state=online/m.test(text))
        && (await this.views()).every((view) => view.filter((line) => /\bslave\b/.test(line))
          .length === masters) && this.isSound();
    });
  }

  /** The first node meets all others. */
  private async introduce(): Promise<void> {
    const [first, ...others] = this.nodes;
    for (const { server, busPort } of others) {
      await first?.redis.call('CLUSTER', 'MEET', '127.0.0.1', server.port, busPort);
    }
  }

  private async areAcquainted(): Promise<boolean> {
    return (await this.views()).every((view) => view.length === this.nodes.length
      && !view.some((line) => /handshake|noaddr/.test(line)));
  }

  private async isSound(): Promise<boolean> {
    const states = await Promise.all(this.nodes.map(async ({ redis }) =>
      /cluster_state:ok/.test(String(await redis.call('CLUSTER', 'INFO')))));
    return states.every(Boolean);
  }

  /** The nodes as each of them sees them, a line each. */
  private views(): Promise<string[][]> {
    return Promise.all(this.nodes.map(({ redis }) => viewOf(redis)));
  }
}

async function startNode(dir: string): Promise<Node> {
  const busPort = await freePort();
  const settings = { dir, args: ['--cluster-enabled', 'yes',
    '--cluster-node-timeout', String(nodeTimeoutMs), '--cluster-port', String(busPort),
    '--cluster-announce-ip', '127.0.0.1', '--cluster-require-full-coverage', 'no',
    '--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0'] };
  const server = await startRedis(settings);
  const redis = connect(server.url);
  return { server, isAlive: true, settings, busPort, redis,
    id: String(await redis.call('CLUSTER', 'MYID')) };
}

function connect(url: string): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
  return redis.on('error', () => undefined); // it is killed on purpose
}

async function viewOf(redis: Redis): Promise<string[]> {
  return String(await redis.call('CLUSTER', 'NODES')).trim().split('\n');
}

/** By a line such as `<id> <address> master - 0 0 1 connected 0-5460`. */
async function masterIdOf({ redis }: Node, slot: number): Promise<string | undefined> {
  const line = (await viewOf(redis)).find((text) => {
    const [, , , , , , , , ...ranges] = text.split(' ');
    return ranges.some((range) => {
      const [first, last = first] = range.split('-').map(Number);
      return first !== undefined && last !== undefined && slot >= first && slot <= last;
    });
  });
  return line?.split(' ')[0];
}

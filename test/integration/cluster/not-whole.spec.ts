import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis, type Cluster } from 'ioredis';
import { fitForWorkers, openCluster } from '../../../src/infra/redis/open-cluster';
import { freePort, startRedis, type Server } from '../../../tools/lib/servers.mjs';
import { until } from '../../support/until';

const slots = 16_384;

/** A Cluster of one node that is answerable for all slots but the last. */
describe('a Cluster that is not whole', () => {
  let folder: string;
  let server: Server;
  let node: Redis;
  let cluster: Cluster;
  let copy: Cluster;

  beforeAll(async () => {
    folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-part-'));
    server = await startRedis({ dir: folder, args: ['--cluster-enabled', 'yes',
      '--cluster-config-file', 'nodes.conf', '--cluster-port', `${await freePort()}`,
      '--cluster-announce-ip', '127.0.0.1'] });
    node = new Redis(server.url);
    await node.call('CLUSTER', 'ADDSLOTSRANGE', 0, slots - 2);
    cluster = openCluster({ nodes: [{ host: '127.0.0.1', port: server.port }],
      options: { maxRetriesPerRequest: null }, retryStrategy: () => 50, patienceMs: 30_000 });
    fitForWorkers(cluster);
    copy = cluster.duplicate();
    for (const each of [cluster, copy]) each.on('error', () => undefined);
  });

  afterAll(async () => {
    for (const each of [cluster, copy, node]) each.disconnect();
    server.kill();
    await server.exited;
    rmSync(folder, { recursive: true });
  });

  it('keeps no worker waiting who connects to it, and lets him in when it is whole', async () => {
    copy.disconnect();
    await until('it has ended', async () => copy.status === 'end');
    // BullMQ waits for this without a limit of its own, and tries again when it fails.
    await expect(copy.connect()).rejects.toThrow('Connection is closed.');
    await node.call('CLUSTER', 'ADDSLOTS', slots - 1);
    await until('it is connected', async () => {
      if (copy.status === 'end') await copy.connect().catch(() => undefined);
      return copy.status === 'ready';
    });
    expect(await copy.echo('there')).toBe('there');
  });
});

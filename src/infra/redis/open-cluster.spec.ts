import type { Cluster } from 'ioredis';
import { freePort } from '../../../tools/lib/servers.mjs';
import { fitForWorkers, openCluster } from './open-cluster';

const neverMs = 3_600_000;

describe('the connection of a worker to a Cluster of which no node is there', () => {
  let cluster: Cluster;
  let copy: Cluster;

  const heard = (event: string) => new Promise<void>((resolve) => {
    copy.once(event, () => { resolve(); });
  });

  beforeEach(async () => {
    cluster = openCluster({ nodes: [{ host: '127.0.0.1', port: await freePort() }],
      options: { maxRetriesPerRequest: null }, retryStrategy: () => neverMs,
      patienceMs: neverMs });
    fitForWorkers(cluster);
    copy = cluster.duplicate();
    for (const each of [cluster, copy]) each.on('error', () => undefined); // nobody listens there
  });

  afterEach(() => { for (const each of [cluster, copy]) each.disconnect(); });

  it('comes to its end when it is closed between two attempts', async () => {
    await heard('reconnecting');
    const ended = heard('end');
    copy.disconnect();
    await ended;
    expect(copy.status).toBe('end');
  });

  it('comes to its end when it is closed as it begins', async () => {
    const ended = heard('end');
    copy.disconnect();
    await ended;
    expect(copy.status).toBe('end');
  });

  it('rejects what waits for a server when it is closed between two attempts', async () => {
    await heard('reconnecting');
    const popped = copy.bzpopmin('queue', 0).catch((error: unknown) => error);
    copy.disconnect();
    expect(await popped).toBeInstanceOf(Error);
  });

  it('begins anew after its end', async () => {
    await heard('reconnecting');
    const ended = heard('end');
    copy.disconnect();
    await ended;
    await expect(copy.connect()).rejects.toThrow('Connection is closed.');
  });
});

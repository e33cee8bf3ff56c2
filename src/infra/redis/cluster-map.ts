import type { Cluster } from 'ioredis';
import { slotOf } from './slot';

const everyMs = 1_000;

/** Which master of a Cluster has which keys, as one connection to it knows: not older than a second. */
export class ClusterMap {
  constructor(private readonly cluster: Cluster) {
    const timer = setInterval(() => { this.refresh(); }, everyMs).unref();
    cluster.on('end', () => { clearInterval(timer); });
  }

  /** `host:port` of all masters that have slots. */
  get masters(): string[] {
    return this.cluster.nodes('master').map(({ options: { host, port } }) => `${host}:${port}`);
  }

  /** `host:port`; undefined while no master is known to have the key. */
  masterOf(key: string): string | undefined {
    return this.cluster.slots[slotOf(key)]?.[0];
  }

  /** Calls back whenever the Cluster has been asked, whether or not anything has changed. */
  onRefresh(listener: () => void): void {
    this.cluster.on('refresh', listener);
  }

  /** Asks the Cluster now; the connection itself asks whenever a command was sent to a wrong node. */
  refresh(): void {
    if (this.cluster.status === 'ready') this.cluster.refreshSlotsCache();
  }
}

import type { Cluster } from 'ioredis';
import { slotOf } from './slot';

const everyMs = 1_000;

/** Which master of a Cluster has which keys, as one connection to it knows: not older than a second. */
export class ClusterMap {
  /**
   * As the Cluster last said. The library's own list is no such: slots of one range share an entry, so
   * that one slot which has moved takes the others of its range along until the next answer.
   */
  private addresses: (string | undefined)[] = [];

  constructor(private readonly cluster: Cluster) {
    cluster.on('refresh', () => { this.addresses = cluster.slots.map((keys) => keys[0]); });
    const timer = setInterval(() => { this.refresh(); }, everyMs).unref();
    cluster.on('end', () => { clearInterval(timer); });
  }

  /** `host:port` of all masters that have slots. */
  get masters(): string[] {
    return this.cluster.nodes('master').map(({ options: { host, port } }) => `${host}:${port}`);
  }

  /** `host:port`; undefined while no master is known to have the key. */
  masterOf(key: string): string | undefined {
    return this.addresses[slotOf(key)];
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

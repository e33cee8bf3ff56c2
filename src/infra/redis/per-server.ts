import type { RedisOptions } from 'ioredis';
import type { RedisConnections } from './redis-connections';

/** The one server, where there is no Cluster. */
const only = '';

/** A part for the one server, or one for each master of a Cluster, from when it is one until it is none. */
export class PerServer<Part> {
  private readonly parts = new Map<string, Part>();

  /** `make` is told how to reach the server; `end` gets the part of a server that has left. */
  constructor(
    private readonly connections: RedisConnections,
    private readonly make: (server: RedisOptions) => Part,
    private readonly end: (part: Part) => void,
  ) {
    const { map } = connections;
    if (map === undefined) this.at(only);
    else map.onRefresh(() => { this.follow(map.masters); });
  }

  get all(): Part[] {
    return [...this.parts.values()];
  }

  /** That of the server which has this key, as far as is known; undefined while a Cluster has none. */
  of(key: string): Part | undefined {
    const { map } = this.connections;
    const address = map === undefined ? only : map.masterOf(key);
    return address === undefined ? undefined : this.at(address);
  }

  /** That of a node, `host:port`. */
  at(address: string): Part {
    const known = this.parts.get(address);
    if (known !== undefined) return known;
    const { server } = this.connections;
    const part = this.make(address === only ? server : serverAt(server, address));
    this.parts.set(address, part);
    return part;
  }

  private follow(masters: readonly string[]): void {
    for (const address of masters) this.at(address);
    for (const [address, part] of this.parts) {
      if (masters.includes(address)) continue;
      this.parts.delete(address);
      this.end(part);
    }
  }
}

/** The server at `host:port`, which is reached and logged in to like this one. */
function serverAt(like: RedisOptions, address: string): RedisOptions {
  const portAt = address.lastIndexOf(':');
  return { ...like, host: address.slice(0, portAt), port: Number(address.slice(portAt + 1)) };
}

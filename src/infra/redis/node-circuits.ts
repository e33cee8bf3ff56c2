import { Cluster } from 'ioredis';
import { Circuit } from '../circuit';
import { PerServer } from './per-server';
import type { RedisConnections } from './redis-connections';

interface NodeCircuit {
  readonly circuit: Circuit;
  /** One that was asked for here lately: asking for it again tells whether the node is there. */
  key: string;
}

/**
 * A circuit for each master of a Cluster, before every command with a key that one connection sends: while
 * a master is away, only what it would have to answer is refused. Pipelines are not looked at, since they
 * leave when all their commands are there.
 */
export class NodeCircuits {
  private readonly nodes: PerServer<NodeCircuit>;

  /** `isFault`: as of `Circuit`. */
  constructor(
    connections: RedisConnections,
    private readonly cluster: Cluster,
    isFault: (error: unknown) => boolean,
  ) {
    this.nodes = new PerServer(connections, () => ({ circuit: new Circuit(isFault), key: '' }),
      () => undefined);
    cluster.sendCommand = (...sent) => this.send(sent);
  }

  /** Whether any master is left alone. */
  get isOpen(): boolean {
    return this.nodes.all.some(({ circuit }) => circuit.isOpen);
  }

  /** All masters are asked again. */
  close(): void {
    for (const { circuit } of this.nodes.all) circuit.close();
  }

  /** Asks those again that are left alone. Never rejects. */
  async probe(): Promise<void> {
    const away = this.nodes.all.filter(({ circuit }) => circuit.isOpen);
    await Promise.allSettled(away.map(({ key }) => this.cluster.exists(key)));
  }

  private send(sent: Parameters<Cluster['sendCommand']>): unknown {
    const send = () => Cluster.prototype.sendCommand.apply(this.cluster, sent);
    const [command, stream] = sent;
    const [key] = command.getKeys();
    const node = stream === undefined && key !== undefined ? this.nodes.of(String(key)) : undefined;
    if (node === undefined) return send();
    node.key = String(key);
    return node.circuit.run(() => Promise.resolve(send()));
  }
}

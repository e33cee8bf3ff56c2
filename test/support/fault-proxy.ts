import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../tools/lib/servers.mjs';

/** Milliseconds, or the least and the most of them. */
export type Delay = number | readonly [minimumMs: number, maximumMs: number];

const noGate = () => undefined;

interface AwaitedReply {
  marker: string;
  /** Replies that are still let through on a connection that carried the marker. */
  before: number;
}

/** One TCP way to a server of 127.0.0.1, which can be made slow, broken, silent or lossy. */
export class FaultProxy {
  /** Connections taken so far. */
  accepted = 0;
  droppedReplies = 0;
  private readonly sockets = new Set<Socket>();
  /** Sockets of connections that carry nothing any more. */
  private readonly stranded = new WeakSet<Socket>();
  private readonly server: Server;
  private delayMs: readonly [number, number] = [0, 0];
  private dropped: AwaitedReply | undefined;
  /** Resolves when bytes may flow: what comes after it waits. */
  private gate = Promise.resolve();
  private openGate: () => void = noGate;

  private constructor(
    readonly port: number,
    private targetPort: number,
    private readonly random: () => number,
  ) {
    this.server = createServer((client) => { this.link(client); });
  }

  /** `random`: where the length of a delay comes from, numbers from 0 up to 1. */
  static async start(targetPort: number, random = Math.random): Promise<FaultProxy> {
    const proxy = new FaultProxy(await freePort(), targetPort, random);
    await proxy.accept();
    return proxy;
  }

  url(scheme: string): string {
    return `${scheme}://127.0.0.1:${this.port}`;
  }

  /** Holds every chunk back, in both directions, in order; 0 is the end of it. */
  delay(delay: Delay): void {
    this.delayMs = typeof delay === 'number' ? [delay, delay] : delay;
  }

  /** Breaks all connections; new ones are taken. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Breaks all connections and takes none, as a server that is down. */
  async refuse(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.server.close(() => { resolve(); });
    this.cut();
    await promise;
  }

  /** Takes connections again. */
  async accept(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.server.once('error', reject).listen(this.port, '127.0.0.1', resolve);
    await promise;
    this.server.off('error', reject);
  }

  /**
   * As a host that vanishes while another takes over its name: what is connected carries nothing any
   * more, not even an end; new connections work.
   */
  strand(): void {
    for (const socket of this.sockets) this.stranded.add(socket);
  }

  /** Half-open: takes connections and bytes, and tells the other side nothing, not even an end. */
  hang(): void {
    if (this.openGate !== noGate) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gate = promise;
    this.openGate = resolve;
  }

  /** What was held back is delivered, as a network does that comes back. */
  flow(): void {
    this.openGate();
    this.openGate = noGate;
  }

  /**
   * The nth reply on a connection from when it carries this text never arrives: the server has done
   * its work, and the connection breaks. Once.
   */
  dropReply(marker: string, nth = 1): void {
    this.dropped = { marker, before: nth - 1 };
  }

  /** New connections go to another server; `cut` moves the old ones. */
  retarget(port: number): void {
    this.targetPort = port;
  }

  async stop(): Promise<void> {
    this.flow();
    if (this.server.listening) await this.refuse();
  }

  private link(client: Socket): void {
    this.accepted += 1;
    const target = connect(this.targetPort, '127.0.0.1');
    // What this connection waits to lose, from when it has carried the text.
    let awaited: AwaitedReply | undefined;
    client.on('data', (data) => {
      if (this.dropped && data.includes(this.dropped.marker)) {
        awaited = this.dropped;
        this.dropped = undefined;
      }
    });
    this.forward(client, target, () => false);
    this.forward(target, client, () => awaited !== undefined && awaited.before-- === 0);
  }

  private forward(source: Socket, sink: Socket, isDropped: () => boolean): void {
    let last = Promise.resolve();
    const afterwards = (act: () => void) => {
      const dueMs = performance.now() + this.chosenDelayMs();
      last = last.then(() => this.pass(dueMs)).then(act);
    };
    this.sockets.add(source.setNoDelay());
    source.on('error', () => undefined);
    source.on('data', (data) => {
      if (isDropped()) {
        this.droppedReplies += 1;
        sink.destroy();
      } else if (!this.stranded.has(source)) afterwards(() => { sink.write(data); });
    });
    source.on('close', () => {
      this.sockets.delete(source);
      afterwards(() => { sink.destroy(); });
    });
  }

  private chosenDelayMs(): number {
    const [minimumMs, maximumMs] = this.delayMs;
    return minimumMs + this.random() * (maximumMs - minimumMs);
  }

  /** Resolves when bytes may flow and it is time. */
  private async pass(dueMs: number): Promise<void> {
    await this.gate;
    const ms = dueMs - performance.now();
    if (ms > 0) await sleep(ms);
  }
}

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a server that breaks after the server has done its work, before it is heard. */
export class CuttingProxy {
  private readonly sockets = new Set<Socket>();
  private marker: string | undefined;
  private cuts = 0;

  private constructor(
    private readonly server: Server,
    private readonly targetPort: number,
  ) {
    server.on('connection', (socket) => { this.connect(socket); });
  }

  /** `port`: where one that was stopped has listened, so that its clients find the way again. */
  static async start(targetPort: number, port = 0): Promise<CuttingProxy> {
    const server = createServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(port, '127.0.0.1', resolve);
    await promise;
    return new CuttingProxy(server, targetPort);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** The next reply on a connection that carried this text never arrives: the connection breaks. */
  cutReplyTo(text: string): void {
    this.marker = text;
  }

  /** How many replies were cut. */
  get cutReplies(): number {
    return this.cuts;
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private connect(client: Socket): void {
    const target = connect(this.targetPort, '127.0.0.1');
    let isMarked = false;
    client.on('data', (data) => {
      isMarked ||= this.marker !== undefined && data.includes(this.marker);
      target.write(data);
    });
    target.on('data', (data) => {
      if (!isMarked) {
        client.write(data);
        return;
      }
      this.marker = undefined;
      this.cuts += 1;
      client.destroy();
    });
    for (const [socket, other] of [[client, target], [target, client]] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
  }
}

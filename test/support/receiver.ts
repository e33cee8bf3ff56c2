import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}

/** A receiver of webhooks on this machine that answers with whatever status is set. */
export class Receiver {
  status = 204;
  private readonly received: Received[] = [];
  readonly server = createServer((request, response) => {
    void text(request).then((body) => {
      this.received.push({ headers: request.headers, body });
      response.writeHead(this.status).end();
    });
  });

  private constructor() {}

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await once(receiver.server.listen(0, '127.0.0.1'), 'listening');
    return receiver;
  }

  /** Its path is its secret. */
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook/s3cr3t`;
  }

  /** What was received of one notification, in its order. */
  of(messageId: string): Received[] {
    return this.received.filter(({ headers }) => headers['webhook-id'] === messageId);
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

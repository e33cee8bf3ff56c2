import { request } from 'node:http';
import type { OrderView } from '../../src/order';
import type { Caller } from './client';
import type { TestProduct } from './product';

/** What a stream of server-sent events has brought so far. */
export interface EventStream {
  readonly status: number;
  readonly contentType: string | undefined;
  /** The orders of the `status` events, in their sequence. */
  readonly events: OrderView[];
  /** Resolves when the server ends the stream. */
  readonly ended: Promise<void>;
  /** Breaks the connection. */
  close(): void;
}

/** Opens the events of an order; resolves when the server has answered. */
export function openEvents(product: Pick<TestProduct, 'url' | 'client'>, orderId: string,
  as: Caller): Promise<EventStream> {
  const { promise, resolve, reject } = Promise.withResolvers<EventStream>();
  const outgoing = request(`${product.url}/v1/orders/${orderId}/events`, {
    agent: false,
    headers: as === undefined ? {} : { authorization: `Bearer ${product.client.tokenOf(as)}` },
  });
  outgoing.on('error', reject);
  outgoing.on('response', (incoming) => {
    const events: OrderView[] = [];
    const ended = Promise.withResolvers<void>();
    let text = '';
    incoming.setEncoding('utf8');
    incoming.on('error', () => { ended.resolve(); });
    incoming.on('close', () => { ended.resolve(); });
    incoming.on('data', (chunk: string) => {
      const blocks = (text + chunk).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = /^event: status\ndata: (.*)$/.exec(block)?.[1];
        if (data !== undefined) events.push(JSON.parse(data) as OrderView);
      }
    });
    resolve({ status: incoming.statusCode ?? 0, contentType: incoming.headers['content-type'],
      events, ended: ended.promise, close: () => { outgoing.destroy(); } });
  });
  outgoing.end();
  return promise;
}

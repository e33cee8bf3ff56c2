import { once } from 'node:events';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { PublicAddresses } from './public-addresses';

/**
 * Sends a webhook. Resolves when the receiver has answered 2xx in time; else rejects with an error
 * whose message shows nothing of the URL but its host. Redirects are not followed, and the body of
 * the answer is never read.
 */
export async function postWebhook(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  addresses: PublicAddresses,
  timeoutMs: number,
): Promise<void> {
  addresses.assertAllowed(url);
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const signal = AbortSignal.timeout(timeoutMs);
  const request = send(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', 'user-agent': 'fairdrop' },
    // A connection of its own: one that is kept open would have been checked for another request.
    agent: false,
    lookup: addresses.lookup,
    signal,
  });
  // What goes wrong after the answer does not matter any more.
  request.on('error', () => undefined);
  request.end(body);
  const status = await statusOf(request, signal, timeoutMs);
  if (status < 200 || status > 299) throw new Error(`The receiver answered with status ${status}`);
}

async function statusOf(
  request: ReturnType<typeof requestHttp>,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<number> {
  try {
    const [response] = await once(request, 'response') as [IncomingMessage];
    return response.statusCode ?? 0;
  } catch (error) {
    if (signal.aborted) throw new Error(`The receiver did not answer within ${timeoutMs} ms`);
    throw error;
  } finally {
    request.destroy();
  }
}

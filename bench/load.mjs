// Closed-loop load: every connection sends its next request when it has the answer to the last.
import { randomUUID } from 'node:crypto';
import autocannon from 'autocannon';
import { createSigner } from 'fast-jwt';

/** Bearer tokens of so many buyers, each somebody else. */
export function buyers(secret, count, prefix) {
  const sign = createSigner({ key: secret, algorithm: 'HS256', expiresIn: 7_200_000 });
  return Array.from({ length: count }, (_, index) => sign({
    sub: `${prefix}-${index}`, iss: 'fairdrop', aud: 'fairdrop',
  }));
}

/**
 * One purchase of one unit for each token. Resolves to requests a second over the whole run, the
 * latencies in milliseconds, and the answers by status.
 */
export async function purchase(url, saleId, tokens, connections = 64) {
  const share = Math.floor(tokens.length / connections);
  const statuses = {};
  let next = 0;
  // From the first answer to the last: making the requests is not the server's work.
  let firstAt;
  let lastAt = 0;
  const result = await autocannon({
    url, connections, amount: share * connections, timeout: 30,
    setupClient: (client) => {
      const own = tokens.slice(next * share, (next + 1) * share);
      next += 1;
      client.setRequests(own.map((token) => ({
        method: 'POST',
        path: `/v1/sales/${saleId}/orders`,
        headers: { 'authorization': `Bearer ${token}`, 'content-type': 'application/json',
          'idempotency-key': randomUUID() },
        body: '{"quantity":1}',
      })));
      client.on('response', (status) => {
        statuses[status] = (statuses[status] ?? 0) + 1;
        lastAt = performance.now();
        firstAt ??= lastAt;
      });
    },
  });
  const seconds = (lastAt - firstAt) / 1_000;
  if (result.errors > 0) throw new Error(`${result.errors} requests had no answer`);
  return { perSecond: (share * connections) / seconds, requests: share * connections, statuses,
    latencyMs: { p50: result.latency.p50, p99: result.latency.p99, p999: result.latency.p99_9 } };
}

// Closed-loop load: every connection sends its next request when it has the answer to the last.
import { hash, randomUUID } from 'node:crypto';
import autocannon from 'autocannon';
import { createSigner } from 'fast-jwt';

const connections = 64;

/** So many buyers, each somebody else with a token, a device and an address of his own. */
export function buyers(secret, count, prefix) {
  const sign = createSigner({ key: secret, algorithm: 'HS256', expiresIn: 7_200_000 });
  return Array.from({ length: count }, (_, index) => {
    const userId = `${prefix}-${index}`;
    const [b, c, d] = hash('sha256', userId, 'buffer');
    return { userId, deviceId: `device-of-${userId}`, ip: `10.${b}.${c}.${d}`,
      token: sign({ sub: userId, iss: 'fairdrop', aud: 'fairdrop' }) };
  });
}

/** One purchase of one unit by each buyer, with his sale token where he has one. */
export function purchase(url, saleId, crowd) {
  return send(url, crowd.map((buyer) => purchaseOf(buyer, saleId)));
}

/** So many attempts of one buyer, each under a key of its own. */
export function flood(url, saleId, buyer, count) {
  return send(url, Array.from({ length: count }, () => purchaseOf(buyer, saleId)));
}

/** The same buyers, each with a sale token. */
export async function withSaleTokens(url, saleId, crowd) {
  const equipped = [];
  const { statuses } = await send(url, crowd.map((buyer) => ({
    method: 'POST', path: `/v1/sales/${saleId}/tokens`, headers: identifying(buyer),
    onResponse: (_status, body) => {
      equipped.push({ ...buyer, saleToken: JSON.parse(body).token });
    },
  })));
  if (equipped.length !== statuses[201]) throw new Error(`sale tokens: ${JSON.stringify(statuses)}`);
  return equipped;
}

function purchaseOf(buyer, saleId) {
  return {
    method: 'POST',
    path: `/v1/sales/${saleId}/orders`,
    headers: { ...identifying(buyer), 'content-type': 'application/json',
      'idempotency-key': randomUUID(),
      ...(buyer.saleToken && { 'x-sale-token': buyer.saleToken }) },
    body: '{"quantity":1}',
  };
}

function identifying({ token, deviceId, ip }) {
  return { 'authorization': `Bearer ${token}`, 'x-device-id': deviceId, 'x-forwarded-for': ip };
}

/**
 * Sends the requests, as many as share out evenly among the connections. Resolves to requests a
 * second over the whole run, the latencies in milliseconds, and the answers by status.
 */
async function send(url, requests) {
  const share = Math.floor(requests.length / connections);
  const statuses = {};
  let next = 0;
  // From the first answer to the last: making the requests is not the server's work.
  let firstAt;
  let lastAt = 0;
  const result = await autocannon({
    url, connections, amount: share * connections, timeout: 30,
    setupClient: (client) => {
      client.setRequests(requests.slice(next * share, (next + 1) * share));
      next += 1;
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

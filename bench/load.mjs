// Closed-loop load: every connection sends its next request when it has the answer to the last.
import { hash, randomUUID } from 'node:crypto';
import autocannon from 'autocannon';
import { createSigner } from 'fast-jwt';

/** Counts of requests are multiples of it. */
export const connections = 64;

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
export function purchase(program, saleId, crowd) {
  return send(program, crowd.map((buyer) => purchaseOf(buyer, saleId)));
}

/** So many attempts of one buyer, each under a key of its own. */
export function flood(program, saleId, buyer, count) {
  return send(program, Array.from({ length: count }, () => purchaseOf(buyer, saleId)));
}

/** The same buyers, each with a sale token. */
export async function withSaleTokens(program, saleId, crowd) {
  const equipped = [];
  const { statuses } = await send(program, crowd.map((buyer) => ({
    method: 'POST', path: `/v1/sales/${saleId}/tokens`, headers: identifying(buyer),
    onResponse: (_status, body) => {
      equipped.push({ ...buyer, saleToken: JSON.parse(body).token });
    },
  })));
  if (equipped.length !== crowd.length || equipped.length !== statuses[201]) {
    throw new Error(`sale tokens: ${JSON.stringify(statuses)}`);
  }
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
 * Sends the requests, shared out evenly among the connections. Resolves to requests a second over
 * the whole run, the processor time that the program took for each (which says more than its speed
 * where others work on the same machine), the latencies in milliseconds, and the answers by status.
 */
async function send(program, requests) {
  const share = requests.length / connections;
  const statuses = {};
  let next = 0;
  // From the first answer to the last: making the requests is not the server's work.
  let firstAt;
  let lastAt = 0;
  const cpuSeconds = program.cpuSeconds();
  const result = await autocannon({
    url: program.url, connections, amount: requests.length, timeout: 30,
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
  if (result.errors > 0) throw new Error(`${result.errors} requests had no answer`);
  return { perSecond: requests.length / ((lastAt - firstAt) / 1_000), requests: requests.length,
    cpuMicroseconds: (program.cpuSeconds() - cpuSeconds) / requests.length * 1e6, statuses,
    latencyMs: { p50: result.latency.p50, p99: result.latency.p99, p999: result.latency.p99_9 } };
}

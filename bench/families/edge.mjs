// What the edge takes away from the product: the same crowds once at two processes themselves and once
// through nginx. Clients are addresses of this machine, 127.0.1.1 and on, each with one connection.
import { randomBytes, randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { hasNginx, startEdge } from '../../tools/lib/edge.mjs';
import { tryForNginx } from '../../tools/lib/programs.mjs';
import { temporaryFolder } from '../lib/folders.mjs';
import { openSale, startProduct, startServers } from '../lib/product.mjs';
import { buyers } from '../lib/requests.mjs';

/** Each: how many addresses send how many requests each, and what the nth of them is. */
const crowds = {
  'readers of one sale': { clients: 200, each: 100, make: ({ saleId }) => read(saleId) },
  'opening: 9 reads, then a purchase': { clients: 200, each: 100,
    make: ({ saleId, buyer, index }) => index % 10 === 9 ? purchase(saleId, buyer) : read(saleId) },
  'bots at 4 addresses': { clients: 4, each: 5_000,
    make: ({ saleId, buyer }) => purchase(saleId, buyer) },
  'readers of invented sales': { clients: 200, each: 100, make: () => read(inventedId()) },
};

const read = (saleId) => ({ method: 'GET', path: `/v1/sales/${saleId}` });
const purchase = (saleId, { token }) => ({ method: 'POST', path: `/v1/sales/${saleId}/orders`,
  headers: { 'authorization': `Bearer ${token}`, 'idempotency-key': randomUUID(),
    'content-type': 'application/json' }, body: '{"quantity":1}' });

/** One that `newId('sale')` could have made: the digits of hexadecimal are among those of base32. */
const inventedId = () => `sale_${randomBytes(10).toString('hex')}`;

/** Resolves to a row for each crowd, direct and through the edge. */
export async function measureEdge({ say }) {
  if (!hasNginx()) await tryForNginx();
  await using started = new AsyncDisposableStack();
  const dir = temporaryFolder(started);
  const servers = await startServers();
  started.defer(() => servers.stop());
  const redis = new Redis(servers.environment.REDIS_URL);
  started.defer(() => redis.quit());
  const products = [];
  for (const roles of ['api,worker', 'api']) {
    const product = await startProduct(servers.environment, roles);
    products.push(product);
    started.defer(() => product.stop());
  }
  const edge = await startEdge({ dir, upstreams: products.map(({ url }) => new URL(url).port) });
  started.defer(() => edge.stop());
  return { clients: 'closed loop, one connection an address',
    rows: await measureAll({ products, edge, redis, database: servers.database, say }) };
}

async function measureAll(site) {
  const { products, edge } = site;
  const rows = [];
  let number = 0;
  for (const [name, crowd] of Object.entries({ 'warm-up': crowds['readers of one sale'], ...crowds })) {
    for (const [way, urls] of [['direct', products.map(({ url }) => url)], ['edge', [edge.url]]]) {
      const saleId = await openSale(products[0], 1_000);
      const crew = buyers(crowd.clients, `edge-${number += 1}`);
      // Windows of throttles and buckets of the edge are full again, and what was sold is written.
      await sleep(3_000);
      const before = await countersOf(site);
      const answers = await send(urls, crowd, { saleId, crew });
      const after = await countersOf(site);
      const sent = crowd.clients * crowd.each;
      const reached = after.requests - before.requests;
      if (name === 'warm-up') continue;
      rows.push({ name: `${name}, ${way}`, sent, ...answers, 'reached the product': reached,
        'taken away': `${(100 * (1 - reached / sent)).toFixed(1)} %`,
        'product CPU µs each': Math.round((after.cpuSeconds - before.cpuSeconds) / sent * 1e6),
        'SELECTs': after.selects - before.selects, 'Redis commands': after.commands - before.commands });
      site.say(`${name}, ${way}: done`);
    }
  }
  return rows;
}

/** Every client one request after the other; resolves to the answers by status and the time. */
async function send(urls, { clients, each, make }, { saleId, crew }) {
  const statuses = {};
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: clients }, async (_, client) => {
    const localAddress = `127.0.1.${client + 1}`;
    const agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress });
    for (let index = 0; index < each; index += 1) {
      const status = await ask(urls[client % urls.length], agent, localAddress,
        make({ saleId, buyer: crew[client], index }));
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    agent.destroy();
  }));
  const seconds = (performance.now() - startedAt) / 1_000;
  return { answers: JSON.stringify(statuses), seconds: Number(seconds.toFixed(1)) };
}

/** Without the edge the address must be said: a process trusts this machine with that. */
function ask(url, agent, address, { method, path, headers = {}, body = '' }) {
  return new Promise((resolve, reject) => {
    request(url + path, { method, agent, headers: { ...headers, 'x-forwarded-for': address,
      ...(body && { 'content-length': body.length }) } }, (answer) => {
      answer.resume().on('end', () => { resolve(answer.statusCode); });
    }).on('error', reject).end(body);
  });
}

/** What the product and its servers have done since they started. */
async function countersOf({ products, redis, database }) {
  const pages = await Promise.all(products.map(async ({ url }) =>
    (await fetch(`${url}/metrics`)).text()));
  const requests = pages.flatMap((page) => page.split('\n'))
    .filter((line) => line.startsWith('http_request_duration_seconds_count')
      && line.includes('route="/v1/'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  const [[{ Value: selects }]] = await database.query("SHOW GLOBAL STATUS LIKE 'Com_select'");
  const [, commands] = /total_commands_processed:(\d+)/.exec(await redis.info('stats'));
  return { requests, selects: Number(selects), commands: Number(commands),
    cpuSeconds: products.reduce((sum, { cost }) => sum + cost().api, 0) };
}

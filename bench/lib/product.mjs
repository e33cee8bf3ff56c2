// The product under test: private servers, processes of the built program, a small admin client.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import { freePort, startMariadb, startRedis } from '../../tools/lib/servers.mjs';
import { temporaryFolder } from './folders.mjs';
import { cpuSecondsOf, megabytesOf } from './processes.mjs';
import { startMasters } from './redis-nodes.mjs';
import { signerOf } from './tokens.mjs';

export const root = join(import.meta.dirname, '../..');
export const secret = randomBytes(32).toString('hex');

export const namespace = 'fairdrop';

/** What switches every layer of the funnel off. */
export const funnelOff = { THROTTLE_USER: 'off', THROTTLE_IP: 'off', THROTTLE_DEVICE: 'off',
  RISK: 'off', CAPTCHA: 'off', HOLDS_PER_USER: 'off', HOLDS_PER_DEVICE: 'off' };

/**
 * Redis (append-only, everysec) and MariaDB (commit flushed), as `npm start` runs them. `appendfsync`
 * is another setting of Redis; `replicas` is how many of it follow on this machine. With more than one
 * of `masters` it is a Redis Cluster of these. `poolMegabytes`: what MariaDB keeps in memory.
 */
export async function startServers({ appendfsync = 'everysec', replicas = 0, masters = 1,
  poolMegabytes = 256 } = {}) {
  await using started = new AsyncDisposableStack();
  const folder = temporaryFolder(started);
  const keep = (server) => {
    started.defer(() => server.stop());
    return server;
  };
  const args = ['--appendfsync', appendfsync];
  const nodes = masters > 1 ? await startMasters(folder, masters, args, keep)
    : [keep(await startRedis({ dir: join(folder, 'redis'), args }))];
  const [redis] = nodes;
  for (let number = 0; number < replicas; number += 1) {
    keep(await startRedis({ dir: join(folder, `replica-${number}`),
      args: ['--replicaof', '127.0.0.1', String(redis.port)] }));
  }
  const mariadb = keep(await startMariadb({ dir: join(folder, 'mariadb'),
    args: [`--innodb-buffer-pool-size=${poolMegabytes}M`] }));
  const environment = environmentOf(nodes, mariadb);
  await finished(fork(join(root, 'dist/src/cli/migrate.js'), { env: environment, silent: true }));
  const database = mysql.createPool({ uri: environment.DATABASE_URL });
  started.defer(() => database.end());
  const all = started.move();
  const nodeCosts = () => nodes.map(({ pid }) => cpuSecondsOf(pid));
  return { environment, database, nodeCosts, stop: () => all.disposeAsync(),
    stopRedis: () => redis.stop(),
    cost: () => ({ redis: nodeCosts().reduce((sum, seconds) => sum + seconds, 0),
      database: cpuSecondsOf(mariadb.pid) }) };
}

function environmentOf(nodes, mariadb) {
  return { ...process.env,
    REDIS_URL: nodes.map(({ url }) => url).join(','), DATABASE_URL: `${mariadb.url}/bench`,
    JWT_SECRET: secret, PAYMENT_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
    LOG_LEVEL: 'warn', DEMO: 'false', NODE_ENV: 'development', REDIS_NAMESPACE: namespace,
    // A load at full speed is just what it refuses.
    OVERLOAD: 'off',
    // Ten thousand buyers and who watches them.
    MAX_CONNECTIONS: '20000',
    // Every buyer comes from an address of his own, as the load says.
    TRUST_PROXY: '127.0.0.1' };
}

/** A Node program that says when it is ready; `stop` resolves when it is gone. */
export async function startProgram(path, environment) {
  const port = await freePort();
  const child = fork(join(root, path), {
    env: { ...environment, PORT: String(port) }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const gone = new Promise((resolve) => { child.once('exit', resolve); });
  await Promise.race([
    new Promise((resolve) => {
      child.on('message', (message) => { if (message.type === 'ready') resolve(); });
    }),
    gone.then((code) => { throw new Error(`${path} ended with ${code}`); }),
  ]);
  return {
    url: `http://127.0.0.1:${port}`,
    cost: () => ({ api: cpuSecondsOf(child.pid) }),
    megabytes: () => megabytesOf(child.pid),
    async stop() {
      child.kill('SIGTERM');
      await gone;
    },
  };
}

export const startProduct = (environment, roles) =>
  startProgram('dist/src/main.js', { ...environment, ROLES: roles, DRAIN_SECONDS: '0' });

/**
 * Servers, one worker process, and API processes as they are asked for: each part's cost is its
 * own. All settings of the API meet the same servers, and what else these do.
 */
export async function startSite(options, settings = {}) {
  await using started = new AsyncDisposableStack();
  const servers = await startServers(options);
  started.defer(() => servers.stop());
  const environment = { ...servers.environment, ...settings };
  const worker = await startProduct(environment, 'worker');
  started.defer(() => worker.stop());
  const all = started.move();
  return {
    servers, database: servers.database,
    /** An API process with settings of its own; whoever asked for it stops it. */
    async startApi(changes = {}) {
      const api = await startProduct({ ...environment, ...changes }, 'api');
      await untilReady(api);
      return { ...api,
        cost: () => ({ ...api.cost(), worker: worker.cost().api, ...servers.cost() }) };
    },
    stop: () => all.disposeAsync(),
  };
}

/** A replica may still fetch its first copy. */
async function untilReady({ url }) {
  while (!(await fetch(`${url}/health/ready`)).ok) await sleep(100);
}

/** A preloaded sale that is open now, with changes to what it is by default; resolves to its id. */
export async function openSale(program, stock, changes = {}) {
  const id = await createSale(program, stock, changes);
  await loadSale(program, id);
  return id;
}

/** The same before it is loaded: nobody can buy yet. */
export async function createSale({ url }, stock, changes = {}) {
  const product = await administer(url, 'POST', '/admin/v1/products', { name: 'Bench' });
  const sale = await administer(url, 'POST', '/admin/v1/sales', { productId: product.id, stock,
    limitPerUser: 1, price: { amount: 100, currency: 'EUR' },
    opensAt: new Date(Date.now() - 1_000).toISOString(),
    closesAt: new Date(Date.now() + 3_600_000).toISOString(), ...changes });
  return sale.id;
}

export async function loadSale({ url }, saleId) {
  await administer(url, 'POST', `/admin/v1/sales/${saleId}/preload`);
}

export async function blacklist({ url }, userId) {
  await administer(url, 'PUT', `/admin/v1/blacklist/user/${userId}`, { reason: 'bench' });
}

/** What the product's books say of a sale. */
export function stockOf({ url }, saleId) {
  return administer(url, 'GET', `/admin/v1/sales/${saleId}/stock`);
}

async function administer(url, method, path, body) {
  const token = signerOf(secret)('bench', { roles: ['admin'] });
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`,
      ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

function finished(child) {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a program ended with ${code}`));
    });
  });
}

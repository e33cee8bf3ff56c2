// The product under test: private servers, processes of the built program, a small admin client.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSigner } from 'fast-jwt';
import mysql from 'mysql2/promise';
import { freePort, startMariadb, startRedis } from '../tools/lib/servers.mjs';

const root = join(import.meta.dirname, '..');
export const secret = randomBytes(32).toString('hex');

/**
 * Redis (append-only, everysec) and MariaDB (commit flushed), as `npm start` runs them. `appendfsync`
 * is another setting of Redis; `replicas` is how many of it follow on this machine.
 */
export async function startServers({ appendfsync = 'everysec', replicas = 0 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'fairdrop-bench-'));
  const redis = await startRedis({ dir: join(folder, 'redis'), args: ['--appendfsync', appendfsync] });
  const followers = await Promise.all(Array.from({ length: replicas }, (_, number) => startRedis({
    dir: join(folder, `replica-${number}`), args: ['--replicaof', '127.0.0.1', String(redis.port)] })));
  const mariadb = await startMariadb({ dir: join(folder, 'mariadb') });
  const environment = { ...process.env, REDIS_URL: redis.url, DATABASE_URL: `${mariadb.url}/bench`,
    JWT_SECRET: secret, PAYMENT_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
    LOG_LEVEL: 'warn', DEMO: 'false', NODE_ENV: 'development',
    // A load at full speed is just what it refuses.
    OVERLOAD: 'off',
    // Every buyer comes from an address of his own, as the load says.
    TRUST_PROXY: '127.0.0.1' };
  await finished(fork(join(root, 'dist/src/cli/migrate.js'), { env: environment, silent: true }));
  const database = mysql.createPool({ uri: environment.DATABASE_URL });
  return {
    environment, database, stopRedis: () => redis.stop(),
    async stop() {
      await database.end();
      for (const server of [...followers, redis, mariadb]) await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A Node program that says when it is ready; `stop` resolves when it is gone. */
export async function startProgram(path, environment) {
  const port = await freePort();
  const child = fork(join(root, path), {
    env: { ...environment, PORT: String(port) }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await new Promise((resolve, reject) => {
    child.on('message', (message) => { if (message.type === 'ready') resolve(); });
    child.once('exit', (code) => { reject(new Error(`${path} ended with ${code}`)); });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    cpuSeconds: () => cpuSecondsOf(child.pid),
    async stop() {
      const gone = new Promise((resolve) => { child.once('exit', resolve); });
      child.kill('SIGTERM');
      await gone;
    },
  };
}

export const startProduct = (environment, roles) =>
  startProgram('dist/src/main.js', { ...environment, ROLES: roles, DRAIN_SECONDS: '0' });

/** A preloaded sale that is open now, with changes to what it is by default; resolves to its id. */
export async function openSale({ url }, stock, changes = {}) {
  const product = await administer(url, 'POST', '/admin/v1/products', { name: 'Bench' });
  const sale = await administer(url, 'POST', '/admin/v1/sales', { productId: product.id, stock,
    limitPerUser: 1, price: { amount: 100, currency: 'EUR' }, ...changes,
    opensAt: new Date(Date.now() - 1_000).toISOString(),
    closesAt: new Date(Date.now() + 3_600_000).toISOString() });
  await administer(url, 'POST', `/admin/v1/sales/${sale.id}/preload`);
  return sale.id;
}

export async function blacklist({ url }, userId) {
  await administer(url, 'PUT', `/admin/v1/blacklist/user/${userId}`, { reason: 'bench' });
}

async function administer(url, method, path, body) {
  const token = createSigner({ key: secret, algorithm: 'HS256', expiresIn: 3_600_000 })(
    { sub: 'bench', iss: 'fairdrop', aud: 'fairdrop', roles: ['admin'] });
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

/** Waits until so many rows of a sale are committed; resolves to the milliseconds it took. */
export async function rowsWritten(database, saleId, count, withinMs = 120_000) {
  const startedAt = performance.now();
  for (;;) {
    const [[{ rows }]] = await database.query(
      'SELECT COUNT(*) AS `rows` FROM orders WHERE sale_id = ?', [saleId]);
    if (rows >= count) return performance.now() - startedAt;
    if (performance.now() - startedAt > withinMs) throw new Error(`${rows} of ${count} rows`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

/** User and system time of a process so far, as Linux tells it; NaN elsewhere. */
function cpuSecondsOf(pid) {
  if (process.platform !== 'linux') return NaN;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function finished(child) {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a program ended with ${code}`));
    });
  });
}

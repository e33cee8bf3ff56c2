/** What the commands know about their surroundings: `.env`, the data folder, secrets, URLs. */
import { randomBytes } from 'node:crypto';
import {
  existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { Failure } from './console.mjs';
import { root } from './packages.mjs';

/** Reads `.env` into the environment; a variable that is set already wins. */
export function loadEnvironment() {
  const path = join(root, '.env');
  if (!existsSync(path)) return;
  if (!process.loadEnvFile) throw new Failure('reading .env needs Node 20.12 or newer');
  process.loadEnvFile(path);
}

/** @returns {string} the folder of private servers, secrets and logs; made when it is not there */
export function dataFolder() {
  const folder = resolve(root, process.env.DATA_DIR || '.data');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** @returns {{ redis: boolean, database: boolean }} which servers are ours to start */
export function embeddedServers() {
  return { redis: !process.env.REDIS_URL, database: !process.env.DATABASE_URL };
}

/**
 * The environment of the product's own programs. Where both servers are private ones the machine is
 * somebody's own, so secrets that are not set are made once and kept, and DEMO, with which anybody may log in
 * as anybody, is on by default where only this machine can connect;
 * everywhere else the product itself refuses to start without them.
 *
 * @param {string} folder the data folder
 * @param {{ redisUrl?: string, databaseUrl?: string }} urls of the servers to use
 * @returns {NodeJS.ProcessEnv}
 */
export function productEnvironment(folder, { redisUrl, databaseUrl }) {
  const environment = { ...process.env };
  // The second start has nothing to compile.
  environment.NODE_COMPILE_CACHE ||= join(folder, 'compile-cache');
  if (redisUrl) environment.REDIS_URL = redisUrl;
  if (databaseUrl) environment.DATABASE_URL = databaseUrl;
  const { redis, database } = embeddedServers();
  if (!redis || !database) return environment;
  const secrets = keptSecrets(folder);
  if (!environment.JWT_JWKS_URL) environment.JWT_SECRET ||= secrets.JWT_SECRET;
  environment.PAYMENT_WEBHOOK_SECRET ||= secrets.PAYMENT_WEBHOOK_SECRET;
  environment.DEMO ||= String(environment.NODE_ENV !== 'production' && isLoopback(environment.HOST));
  return environment;
}

/** Whether nobody but this machine can connect there; not set, the product listens on 127.0.0.1. */
function isLoopback(host) {
  return !host || host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** @returns {{ JWT_SECRET: string, PAYMENT_WEBHOOK_SECRET: string }} made at the first call */
function keptSecrets(folder) {
  const path = join(folder, 'secrets.json');
  if (!existsSync(path)) {
    const secrets = {
      JWT_SECRET: randomBytes(32).toString('base64url'),
      PAYMENT_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
    };
    // Written whole under another name, then linked: of two commands at once the first one decides.
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
    try {
      linkSync(temporary, path);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    rmSync(temporary);
  }
  return JSON.parse(readFileSync(path, 'utf8'));
}

const runPath = (folder) => join(folder, 'run.json');

/**
 * Leaves the addresses of what runs for the other commands (token, migrate).
 *
 * @param {string} folder the data folder
 * @param {{ pid: number, url: string, redisUrl: string, databaseUrl: string }} run
 */
export function recordRun(folder, run) {
  const temporary = `${runPath(folder)}.new`;
  writeFileSync(temporary, `${JSON.stringify(run, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, runPath(folder));
}

/** @returns {{ pid?: number, url?: string, redisUrl?: string, databaseUrl?: string }} */
export function recordedRun(folder) {
  return existsSync(runPath(folder)) ? JSON.parse(readFileSync(runPath(folder), 'utf8')) : {};
}

/** Takes the record of `recordRun` away. */
export function forgetRun(folder) {
  rmSync(runPath(folder), { force: true });
}

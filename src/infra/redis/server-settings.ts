import { setTimeout as sleep } from 'node:timers/promises';
import { ReplyError, type Cluster, type Redis } from 'ioredis';
import type { AppConfig } from '../../config';
import { answersInTime } from './answers-in-time';
import { isCluster, type RedisClient } from './redis-client';

/** What a server does to keep what it acknowledged, as it says itself. */
export interface ServerSettings {
  readonly appendonly: 'yes' | 'no';
  /** Undefined where the server does not let anybody ask. */
  readonly appendfsync: string | undefined;
  readonly maxmemoryPolicy: string | undefined;
  /** Replicas that follow it at this moment. */
  readonly replicas: number;
}

/** Below that of whoever asks for our health. */
const patienceMs = 800;
const askAgainMs = 500;

/**
 * Asks the server, or every master of a Cluster: then each setting is that of the worst which answers.
 * Rejects when none does.
 */
export async function readServerSettings(redis: RedisClient): Promise<ServerSettings> {
  if (!isCluster(redis)) return readSettingsOf(redis);
  await redis.ping(); // it knows its nodes only once it is connected
  const [first, ...others] = await answersInTime(redis.nodes('master').map(readSettingsOf), patienceMs);
  if (first === undefined) throw new Error('The Cluster has no master');
  return others.reduce(worst, first);
}

/**
 * Those of the server; of a Cluster those of each master when it first answers, since one may be away.
 * Ends when all have, or with the connection.
 */
export async function* eachServerSettings(redis: RedisClient): AsyncGenerator<ServerSettings> {
  if (!isCluster(redis)) {
    yield await readSettingsOf(redis);
    return;
  }
  const known = new Set<string>();
  while (redis.status !== 'end') {
    const masters = await mastersOf(redis).catch(() => []); // the connection reports its faults
    const asked = masters.filter((master) => !known.has(addressOf(master)));
    const answers = await answersInTime(asked.map(async (master) =>
      ({ address: addressOf(master), settings: await readSettingsOf(master) })), patienceMs)
      .catch(() => []);
    for (const { address, settings } of answers) {
      known.add(address);
      yield settings;
    }
    if (masters.length > 0 && answers.length === asked.length) return;
    await sleep(askAgainMs, undefined, { ref: false });
  }
}

/** Also those that are away: the connection forgets them until it asks the Cluster again. */
async function mastersOf(cluster: Cluster): Promise<Redis[]> {
  await cluster.ping(); // it knows its nodes only once it is connected
  const { promise, resolve } = Promise.withResolvers<void>();
  cluster.refreshSlotsCache(() => { resolve(); });
  await promise;
  return cluster.nodes('master');
}

function addressOf({ options: { host, port } }: Redis): string {
  return `${host}:${port}`;
}

async function readSettingsOf(redis: Redis): Promise<ServerSettings> {
  const [info, append] = await Promise.all([redis.info(), flushSettings(redis)]);
  return {
    appendonly: /^aof_enabled:1/m.test(info) ? 'yes' : 'no',
    appendfsync: append[append.indexOf('appendfsync') + 1],
    maxmemoryPolicy: /^maxmemory_policy:(\S+)/m.exec(info)?.[1],
    replicas: [...info.matchAll(/^slave\d+:.*\bstate=online\b/gm)].length,
  };
}

/** Why a process must not promise anything on such a server, and what to set; undefined: it may. */
export function faultOf(settings: ServerSettings,
  scheme: AppConfig['durability']): string | undefined {
  const { appendonly, appendfsync = 'unknown', maxmemoryPolicy } = settings;
  if (maxmemoryPolicy !== 'noeviction') {
    return `Redis may throw away what was promised to buyers: its maxmemory-policy is ${
      maxmemoryPolicy}. Set "maxmemory-policy noeviction" on the server that REDIS_URL names.`;
  }
  if (scheme === 'always' && (appendonly === 'no' || appendfsync !== 'always')) {
    return `Redis may lose what DURABILITY=always promises: its appendonly is ${
      appendonly}, its appendfsync is ${appendfsync}. Set "appendonly yes" and "appendfsync always" `
      + 'on the server that REDIS_URL names, or choose another DURABILITY.';
  }
  return undefined;
}

function worst(one: ServerSettings, other: ServerSettings): ServerSettings {
  return {
    appendonly: one.appendonly === 'no' ? one.appendonly : other.appendonly,
    appendfsync: one.appendfsync === 'always' ? other.appendfsync : one.appendfsync,
    maxmemoryPolicy: one.maxmemoryPolicy === 'noeviction' ? other.maxmemoryPolicy
      : one.maxmemoryPolicy,
    replicas: Math.min(one.replicas, other.replicas),
  };
}

/** A flat list of names and values; empty where CONFIG is forbidden, as hosted servers do. */
async function flushSettings(redis: Redis): Promise<string[]> {
  try {
    return await redis.config('GET', 'appendfsync');
  } catch (error) {
    if (error instanceof ReplyError) return [];
    throw error;
  }
}

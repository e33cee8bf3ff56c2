import { ReplyError, type Redis } from 'ioredis';
import type { AppConfig } from '../../config';

/** What a server does to keep what it acknowledged, as it says itself. */
export interface ServerSettings {
  readonly appendonly: 'yes' | 'no';
  /** Undefined where the server does not let anybody ask. */
  readonly appendfsync: string | undefined;
  readonly maxmemoryPolicy: string | undefined;
  /** Replicas that follow it at this moment. */
  readonly replicas: number;
}

/** Asks the server. Rejects when it does not answer. */
export async function readServerSettings(redis: Redis): Promise<ServerSettings> {
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

/** A flat list of names and values; empty where CONFIG is forbidden, as hosted servers do. */
async function flushSettings(redis: Redis): Promise<string[]> {
  try {
    return await redis.config('GET', 'appendfsync');
  } catch (error) {
    if (error instanceof ReplyError) return [];
    throw error;
  }
}

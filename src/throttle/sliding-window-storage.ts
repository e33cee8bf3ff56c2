import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { AdmissionRedis, readLuaScripts, type LuaCommands } from '../infra/redis';

type ThrottlerStorageRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/** One key that a request is counted in, and what `admit-n.lua` is told about it. */
export interface Claim {
  readonly key: string;
  readonly scriptArguments: readonly number[];
}

/** Which window of a claim (counted from 0) refuses, and for how long from now on. */
export interface RefusedClaim<Given extends Claim> {
  readonly claim: Given;
  readonly window: number;
  readonly waitMs: number;
}

/** Sliding windows and buckets in Redis, exact for all processes together. */
@Injectable()
export class SlidingWindowStorage implements ThrottlerStorage {
  private readonly commands: LuaCommands;

  constructor(private readonly redis: AdmissionRedis) {
    this.commands = redis.commands(readLuaScripts(join(__dirname, 'lua')));
  }

  /**
   * Counts one request in every claim and resolves to none, or counts it nowhere and resolves to
   * the claims that refuse it, the longest first. One round trip; rejects when Redis is away. To a
   * Cluster it is one for each claim, in their sequence: those before the one that refuses have counted.
   */
  async take<Given extends Claim>(claims: readonly Given[]): Promise<RefusedClaim<Given>[]> {
    if (!this.redis.isCluster) return this.takeTogether(claims);
    for (const claim of claims) {
      const refused = await this.takeTogether([claim]);
      if (refused.length > 0) return refused;
    }
    return [];
  }

  private async takeTogether<Given extends Claim>(
    claims: readonly Given[]): Promise<RefusedClaim<Given>[]> {
    const reply = await this.commands.run('admit', claims.map(({ key }) => key),
      claims.flatMap(({ scriptArguments }) => scriptArguments)) as number[];
    const refused: RefusedClaim<Given>[] = [];
    for (let at = 0; at < reply.length; at += 3) {
      const [place = -1, window = 0, waitMicroseconds = 0] = reply.slice(at, at + 3);
      const claim = claims[place];
      if (claim === undefined) throw new Error(`The throttle script replied ${reply.join(' ')}`);
      refused.push({ claim, window, waitMs: waitMicroseconds / 1_000 });
    }
    return refused.sort((one, other) => other.waitMs - one.waitMs);
  }

  /**
   * What the library's own guard asks: one window of one key. The log is not counted through, so
   * that the hits only say on which side of the limit the request is; a refused caller is blocked
   * until the window lets him through, whatever `blockDuration` says. Times in the reply: seconds.
   */
  async increment(key: string, windowMs: number, limit: number): Promise<ThrottlerStorageRecord> {
    const windowSeconds = Math.ceil(windowMs / 1_000);
    const [refused] = await this.take([{ key: this.redis.key('throttle', 'route', key),
      scriptArguments: [1, limit, windowSeconds] }]);
    if (refused === undefined) {
      return { totalHits: limit, timeToExpire: windowSeconds, isBlocked: false,
        timeToBlockExpire: 0 };
    }
    const waitSeconds = Math.ceil(refused.waitMs / 1_000);
    return { totalHits: limit + 1, timeToExpire: waitSeconds, isBlocked: true,
      timeToBlockExpire: waitSeconds };
  }
}

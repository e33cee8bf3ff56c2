import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { AdmissionRedis, readLuaScripts, type LuaCommands } from '../infra/redis';
import type { CaptchaKind } from './captcha.schemas';

/** More open challenges than anybody needs; one more, and those that would expire first go. */
const openAtMost = 5;

/** What is remembered of a challenge until it is answered. */
export interface Riddle {
  readonly kind: CaptchaKind;
  readonly saleId: string;
  /** By which the right answer is known; it does not give the answer away. */
  readonly proof: string;
}

/** The challenges that wait for an answer: one hash a user, so that nobody finds another's. */
@Injectable()
export class OpenChallenges {
  private readonly commands: LuaCommands;

  constructor(private readonly redis: AdmissionRedis) {
    this.commands = redis.commands(readLuaScripts(join(__dirname, 'lua')));
  }

  /** `id` is unguessable; `expiresAtMs` by the clock of Redis. Rejects when Redis is away. */
  async add(userId: string, id: string, riddle: Riddle, expiresAtMs: number): Promise<void> {
    const reply = await this.commands.run('pose-captcha', [this.key(userId)],
      [id, expiresAtMs, JSON.stringify(riddle), openAtMost]);
    if (reply !== 1) throw new Error(`pose-captcha refused its arguments: ${String(reply)}`);
  }

  /**
   * The challenge, to exactly one caller; undefined when it is not this user's, was taken or has
   * expired. Rejects when Redis is away: then it may have been taken by nobody.
   */
  async take(userId: string, id: string): Promise<Riddle | undefined> {
    const riddle = await this.commands.run('take-captcha', [this.key(userId)], [id]);
    return typeof riddle === 'string' ? JSON.parse(riddle) as Riddle : undefined;
  }

  private key(userId: string): string {
    return this.redis.key('captcha', this.redis.identity(userId));
  }
}

import type { Redis } from 'ioredis';
import type { LuaCommands } from '../../../src/infra/redis';
import type { OrderStatus } from '../../../src/stock/record';
import type { SaleKeys } from '../../../src/stock/sale-keys';
import { boot, closer, keysOfScript, leaseMs, namesOf, type RedisStrategy, type Reply,
  type ScriptName } from './scripts';

/** Arguments of load-begin and open, with what most tests do not care about filled in. */
export interface Load {
  epoch?: number;
  total?: number;
  seq?: number;
  limit?: number;
  opensMs?: number;
  closesMs?: number;
  state?: 'open' | 'paused' | 'closed';
  adjustmentIds?: readonly string[];
  rows?: readonly (readonly (string | number)[])[];
}

interface Attempt {
  user?: string;
  quantity?: number | string;
  fingerprint?: string;
  boot?: string;
  epoch?: number;
  leaseMs?: number;
  device?: string;
  payWindow?: number | string;
  saleToken?: string;
  captcha?: string;
  backlog?: number | string;
  earlier?: string;
}

/** `lifeMs` as PTTL says it: -1 for ever, -2 there is no such key. */
interface KeyState {
  lifeMs: number;
  content: unknown;
}

/** One sale in Redis. Every call of a script ends with a look whether its counters add up (I2). */
export class TestSale {
  constructor(
    readonly redis: Redis,
    private readonly commands: LuaCommands,
    readonly keys: SaleKeys,
    private readonly strategy: RedisStrategy,
  ) {}

  /** Runs a script; its reply. Fails when the sale is loaded and does not balance afterwards. */
  async run(name: ScriptName, ...args: (string | number)[]): Promise<Reply> {
    const keys = keysOfScript[name].map((key) => this.keys[key]);
    const reply = await this.commands.run(name, keys, args) as Reply;
    const [loaded, balanced, ...counters] = await this.audit();
    if (loaded === 1 && balanced !== 1) {
      throw new Error(`${name} ${args.join(' ')} broke I2: ${counters.join(' ')}`);
    }
    return reply;
  }

  /** Runs scripts within one transaction, so at one time; their replies. */
  async atOnce(...calls: [ScriptName, ...(string | number)[]][]): Promise<unknown[]> {
    const transaction = this.redis.multi() as unknown as
      Record<string, (...args: (string | number)[]) => unknown>
      & { exec: () => Promise<[unknown, unknown][]> };
    for (const [name, ...args] of calls) {
      transaction[name]?.(...keysOfScript[name].map((key) => this.keys[key]), ...args);
    }
    return (await transaction.exec()).map(([error, reply]) => error ?? reply);
  }

  /** Runs a script that must change nothing; its reply, or the error that Redis replied. */
  async unchangedBy(name: ScriptName, ...args: (string | number)[]): Promise<Reply | Error> {
    const before = await this.dump();
    const keys = keysOfScript[name].map((key) => this.keys[key]);
    const reply = await this.commands.run(name, keys, args).catch((error: Error) => {
      if (error.name === 'ReplyError') return error;
      throw error;
    }) as Reply | Error;
    const after = await this.dump();
    const changed = Object.keys(this.keys).filter((_key, i) => before[i] !== after[i]);
    expect({ name, args, changed }).toEqual({ name, args, changed: [] });
    return reply;
  }

  async load({ epoch = 1, total = 10, seq = 0, limit = 2, opensMs = 0, closesMs = 9e12,
    state = 'open', adjustmentIds = [], rows = [] }: Load = {}): Promise<void> {
    await this.close();
    const begun = await this.run('load-begin', epoch, boot, total, seq, limit, opensMs, closesMs,
      'relay', this.strategy, closer, ...adjustmentIds);
    const added = rows.length === 0 ? 0 : await this.run('load-records', closer, ...rows.flat());
    const opened = await this.run('open', closer, boot, state);
    expect([begun, added, opened]).toEqual([1, rows.length, 1]);
  }

  /** Stops the sale, even a damaged one, as a run of recovery does that is about to load it. */
  async close(run = closer): Promise<void> {
    expect(await this.commands.run('set-state', [this.keys.meta], ['recovering', run])).toBe(1);
  }

  /** The arguments of one attempt to buy: by default one unit for a buyer of its own. */
  attempt(rid: string, attempt: Attempt = {}): (string | number)[] {
    return [rid, attempt.user ?? `user-${rid}`, attempt.quantity ?? 1,
      attempt.fingerprint ?? 'print', attempt.boot ?? boot, attempt.epoch ?? 1,
      attempt.leaseMs ?? leaseMs, 'trace', '10.0.0.1', attempt.device ?? '',
      attempt.payWindow ?? 0, attempt.saleToken ?? '', attempt.captcha ?? '',
      attempt.backlog ?? 0, attempt.earlier ?? ''];
  }

  /** {code, available, seq, state, quantity, reservedAt} */
  async reserve(rid: string, attempt?: Attempt): Promise<(number | string)[]> {
    return await this.run('reserve', ...this.attempt(rid, attempt)) as (number | string)[];
  }

  /** Reserves a rid and leads it to a status by the way that orders take. */
  async bring(rid: string, status: OrderStatus, attempt?: Attempt): Promise<void> {
    await this.reserve(rid, attempt);
    if (status === 'reserved') return;
    if (status === 'rejected') return void await this.run('release', rid, 'J');
    await this.run('confirm', rid, 8e12);
    if (status === 'pending_payment') return;
    const letter = { cancelled: 'C', expired: 'E', frozen: 'F' };
    if (status in letter) {
      return void await this.run('release', rid, letter[status as keyof typeof letter]);
    }
    await this.run('settle', rid);
    if (status === 'refunded') await this.run('release', rid, 'B');
  }

  /** The arguments of taking the units of a frozen reservation again. */
  retaking(rid: string, hold: number | string, { epoch = 1, boot: server = boot } = {}) {
    return [rid, hold, server, epoch, leaseMs];
  }

  /** What `everything` says of the tokens while so many units are on sale. */
  tokens(count: number): KeyState {
    return this.strategy === 'tokens' && count > 0
      ? { lifeMs: -1, content: Array<string>(count).fill('1') } : { lifeMs: -2, content: null };
  }

  /** Available, reserved, ordered, sold. */
  async counters(): Promise<number[]> {
    const reply = await this.audit();
    return reply.slice(3, 7) as number[];
  }

  async audit(): Promise<(number | string)[]> {
    const keys = keysOfScript.audit.map((key) => this.keys[key]);
    return await this.commands.run('audit', keys, []) as (number | string)[];
  }

  /** What is remembered of one reservation: its record's text, its deadline in `due`. */
  async remembered(rid: string): Promise<{ record: string | null; due: string | null }> {
    return {
      record: await this.redis.hget(this.keys.records, rid),
      due: await this.redis.zscore(this.keys.due, rid),
    };
  }

  /** Milliseconds since 1970 by the clock that decides. */
  async now(): Promise<number> {
    const [seconds, microseconds] = await this.redis.time();
    return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
  }

  /** What every key holds, and how long it will live. */
  async everything(): Promise<Record<string, KeyState>> {
    const entries = Object.entries(this.keys).map(async ([name, key]: [string, string]) =>
      [name, { lifeMs: await this.redis.pttl(key), content: await contentOf(this.redis, key) }]);
    return Object.fromEntries(await Promise.all(entries)) as Record<string, KeyState>;
  }

  /** The same as one text per key, in one round trip: good for telling whether anything changed. */
  private async dump(): Promise<string[]> {
    const pipeline = this.redis.pipeline();
    for (const key of namesOf(this.keys)) pipeline.pttl(key).dumpBuffer(key);
    const replies = (await pipeline.exec() ?? []).map(([error, reply]) => {
      if (error) throw error;
      return Buffer.isBuffer(reply) ? reply.toString('hex') : String(reply);
    });
    return Object.keys(this.keys).map((_key, i) => `${replies[2 * i]} ${replies[2 * i + 1]}`);
  }
}

/** All that a key holds, in an order that only its content decides. */
async function contentOf(redis: Redis, key: string): Promise<unknown> {
  const type = await redis.type(key);
  switch (type) {
    case 'none': return null;
    case 'string': return redis.get(key);
    case 'hash': return redis.hgetall(key);
    case 'zset': return redis.zrange(key, 0, '-1', 'WITHSCORES');
    case 'list': return redis.lrange(key, 0, '-1');
    case 'stream': return [await redis.xrange(key, '-', '+'), await redis.xinfo('GROUPS', key)];
    default: throw new Error(`No sale has a key of type ${type}`);
  }
}

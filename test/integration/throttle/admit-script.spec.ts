import { join } from 'node:path';
import { Redis } from 'ioredis';
import { LuaCommands, readLuaScripts } from '../../../src/infra/redis';
import { until } from '../../support/until';
import { ThrottledProcess } from './throttled-process';

const second = 1_000_000;

describe('admit-n', () => {
  let server: ThrottledProcess;
  let connection: Redis;
  let commands: LuaCommands;
  let ids = 0;

  beforeAll(async () => {
    server = (await ThrottledProcess.start()).letStoreBeSlow();
    connection = new Redis(process.env.TEST_REDIS_URL ?? '');
    commands = new LuaCommands(connection,
      readLuaScripts(join(__dirname, '../../../src/throttle/lua')));
  });
  afterAll(async () => {
    await connection.quit();
    await server.stop();
  });

  const newId = () => `key${ids += 1}`;
  const keyOf = (id: string) => server.redis.key('throttle', id);
  const admit = (names: readonly string[], ...args: (number | string)[]) =>
    commands.run('admit', names.map(keyOf), args) as Promise<number[]>;
  const dump = (names: readonly string[]) =>
    Promise.all(names.map((id) => server.redis.connection.dump(keyOf(id))));

  /** A log whose requests were let through so many seconds ago, newest first. */
  async function logOf(...secondsAgo: number[]): Promise<string> {
    const id = newId();
    const now = await server.nowMicroseconds();
    await server.redis.connection.rpush(keyOf(id),
      ...secondsAgo.map((seconds) => now - seconds * second));
    return id;
  }

  /** A bucket that held so many requests so many seconds ago. */
  async function bucketOf(left: number, secondsAgo: number): Promise<string> {
    const id = newId();
    const now = await server.nowMicroseconds();
    await server.redis.connection.set(keyOf(id), `${left} ${now - secondsAgo * second}`);
    return id;
  }

  interface Attempt { reply: number[]; bucket: string | null; endsAtMs: number }

  /** The same, and what this bucket is at that moment: it lives for two seconds only. */
  async function admitAndRead(names: readonly string[], bucket: string,
    ...args: number[]): Promise<Attempt> {
    const transaction = connection.multi() as unknown as
      Record<'admit' | 'get' | 'pexpiretime', (...parameters: (number | string)[]) => unknown>
      & { exec: () => Promise<[unknown, unknown][]> };
    transaction.admit(names.length, ...names.map(keyOf), ...args);
    transaction.get(keyOf(bucket));
    transaction.pexpiretime(keyOf(bucket));
    const [reply, text, endsAtMs] = (await transaction.exec()).map(([, answer]) => answer);
    return { reply: reply as number[], bucket: text as string | null, endsAtMs: Number(endsAtMs) };
  }

  it('lets n through and refuses the next until the first is out of the window', async () => {
    const id = newId();
    for (let i = 0; i < 3; i += 1) expect(await admit([id], 1, 3, 500)).toEqual([]);
    const [, , first = 0] = await server.log(id);
    const [key, window, wait = 0] = await admit([id], 1, 3, 500);
    expect([key, window]).toEqual([0, 0]);
    expect(first + 500 * second - wait).toBeLessThanOrEqual(await server.nowMicroseconds());
    expect(wait).toBeGreaterThan(400 * second);
  });

  it.each<[string, number[], number[], number[]]>([
    ['is in no window', [], [1, 1, 1], []],
    ['is just in the window', [950], [1, 1, 1_000], [0, 0]],
    ['is just out of the window', [1_000], [1, 1, 1_000], []],
    ['fills the second window alone', [30, 40, 50], [2, 1, 20, 3, 100], [0, 1]],
    ['fills both, the first for longer', [0, 0, 950], [2, 1, 500, 3, 1_000], [0, 0]],
    ['fills both, the second for longer', [0, 0, 90], [2, 1, 500, 3, 1_000], [0, 1]],
    ['fills neither', [30, 40, 110], [2, 1, 20, 3, 100], []],
  ])('judges by the n-th request before: %s', async (_which, secondsAgo, args, expected) => {
    const id = secondsAgo.length === 0 ? newId() : await logOf(...secondsAgo);
    expect((await admit([id], ...args)).slice(0, 2)).toEqual(expected);
  });

  it('counts a refused request nowhere, not even where it would have passed', async () => {
    // The bucket owes so much that it refuses however late it is asked.
    const names = [newId(), await logOf(1), newId(), await bucketOf(-600, 0), newId()];
    const before = await dump(names);
    const reply = await admit(names, 1, 5, 60, 1, 1, 60, 0, 100, 0, 1, 2, 1, 1, 5, 60);
    expect([reply.length, reply[0], reply[3]]).toEqual([6, 1, 3]);
    expect(await dump(names)).toEqual(before);
  });

  it('counts a passing request everywhere at the same moment', async () => {
    const names = [newId(), newId(), newId()];
    const { reply, bucket } = await admitAndRead(names, names[1] ?? '',
      1, 5, 60, 0, 100, 2, 5, 1, 7, 60);
    expect(reply).toEqual([]);
    const [first, , third] = await Promise.all(names.map((id) =>
      server.redis.connection.type(keyOf(id))));
    expect([first, third]).toEqual(['list', 'list']);
    const [[one], [other]] = await Promise.all([server.log(names[0] ?? ''),
      server.log(names[2] ?? '')]);
    expect(one).toBe(other);
    expect(bucket).toBe(`99.000000 ${one}`);
  });

  it('keeps no more of a log than its largest limit, and forgets it after its longest window',
    async () => {
      const id = newId();
      await server.redis.connection.rpush(keyOf(id), ...Array.from({ length: 500 }, () => 1));
      const beforeMs = await server.nowMicroseconds() / 1_000;
      await admit([id], 2, 5, 30, 20, 10);
      expect(await server.log(id)).toHaveLength(20);
      const endsAtMs = await server.redis.connection.pexpiretime(keyOf(id));
      expect(endsAtMs).toBeGreaterThan(beforeMs + 30_000);
      expect(endsAtMs).toBeLessThanOrEqual(await server.nowMicroseconds() / 1_000 + 31_000);
    });

  it('lets a bucket burst with one second\'s worth, then refuses until one request drops in',
    async () => {
      const startedAt = await server.nowMicroseconds();
      const id = await bucketOf(3, 0);
      let passed = 0;
      const [key, window, wait = 0] = await until('it refuses', async () => {
        const reply = await admit([id], 0, 3);
        passed += reply.length === 0 ? 1 : 0;
        return reply.length > 0 && reply;
      });
      // It gains three a second while it is asked.
      const gained = 3 * (await server.nowMicroseconds() - startedAt) / second;
      expect(passed).toBeGreaterThanOrEqual(3);
      expect(passed).toBeLessThanOrEqual(3 + gained);
      expect([key, window]).toEqual([0, 0]);
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(second / 3 + 1);
    });

  it('keeps a bucket for longer than it takes to be full again', async () => {
    const id = newId();
    const { bucket, endsAtMs } = await admitAndRead([id], id, 0, 3);
    const stamp = Number(bucket?.split(' ')[1]);
    expect(endsAtMs - stamp / 1_000).toBeGreaterThan(1_000);
  });

  it('fills a bucket with half of one, as much as a rate of 1 gains in 0.5 s', async () => {
    // A stall may let it gain the other half: then it is tried again.
    const reply = await until('it is asked before it holds one', async () => {
      const startedAt = await server.nowMicroseconds();
      const answer = await admit([await bucketOf(0, 0.4)], 0, 1);
      return await server.nowMicroseconds() - startedAt < second / 2 && answer;
    });
    expect(reply.slice(0, 2)).toEqual([0, 0]);
  });

  it.each([
    ['one whole', 0, 1.01, 1], ['never more than a second\'s worth', 0, 3_600, 2],
    ['what a rate that was lowered meanwhile allows', 1_000, 0, 1],
  ])('fills a bucket with %s', async (_what, left, secondsAgo, rate) => {
    const id = await bucketOf(left, secondsAgo);
    const { reply, bucket } = await admitAndRead([id], id, 0, rate);
    expect(reply).toEqual([]);
    expect(Number(bucket?.split(' ')[0])).toBeLessThanOrEqual(rate - 1);
  });

  it('locks nobody out when the clock is set back by an hour', async () => {
    const log = await logOf(-3_600);
    expect(await admit([log], 1, 1, 60)).toEqual([]);
    const bucket = await bucketOf(0, -3_600);
    expect(await admit([bucket], 0, 1)).toEqual([]);
  });

  it('is strict when the clock is set back by a moment', async () => {
    const [, , wait = 0] = await admit([await logOf(-60)], 1, 1, 600);
    expect(wait).toBeGreaterThan(600 * second);
    expect(wait).toBeLessThanOrEqual(660 * second);
  });

  const noCounts = ['', ' ', 'one', 'nan', '-nan', 'inf', '-1', '1.5', '1,5', '0x0', '10000000',
    '1e9', '１'];
  it.each<(string | number)[]>([
    [], [1], [1, 5], [1, 5, 60, 1], [2, 5, 60], [0], [0, 0], [1, 0, 60], [1, 5, 0],
    [9_999_999, 1, 1],
    ...noCounts.flatMap((text) => [[text, 5, 60], [1, text, 60], [1, 5, text], [0, text]]),
  ])('refuses to work with %j, and changes nothing', async (...args) => {
    const id = await logOf(1);
    const before = await dump([id]);
    const key = args[0] === 0 ? newId() : id;
    expect(await admit([key], ...args)).toEqual([-8]);
    expect(await dump([id])).toEqual(before);
  });

  it('refuses to work without a key', async () => {
    expect(await admit([])).toEqual([-8]);
  });

  it('counts nowhere when one of the keys holds something else', async () => {
    const names = [newId(), newId()];
    await server.redis.connection.hset(keyOf(names[1] ?? ''), 'a', 1);
    for (const args of [[1, 1, 60, 1, 1, 60], [1, 1, 60, 0, 1], [0, 1, 1, 1, 60]]) {
      await expect(admit(names, ...args)).rejects.toThrow('WRONGTYPE');
      expect(await server.redis.connection.exists(keyOf(names[0] ?? ''))).toBe(0);
    }
  });
});

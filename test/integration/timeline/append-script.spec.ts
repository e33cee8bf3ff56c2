import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { LuaCommands, readLuaScripts } from '../../../src/infra/redis';

const luaFolder = join(__dirname, '../../../src/purchase/timeline/lua');
const expiresAtMs = Date.now() + 3_600_000;
const refused = (atMs: number, answer = 'SOLD_OUT||', count = 1, spanMs = 0, available = '0') =>
  `${atMs}|${spanMs}|${count}|${available}|${answer}`;

describe('timeline-append', () => {
  const key = `test-${randomBytes(6).toString('hex')}:{pens}:timeline`;
  let redis: Redis;
  let commands: LuaCommands;

  beforeAll(() => {
    redis = new Redis(process.env.TEST_REDIS_URL ?? '');
    commands = new LuaCommands(redis, readLuaScripts(luaFolder));
  });
  beforeEach(() => redis.unlink(key));
  afterAll(async () => {
    await redis.unlink(key);
    await redis.quit();
  });

  const append = (...args: (string | number)[]) => commands.run('timeline-append', [key], args);
  const add = (userId: string, ...lines: string[]) =>
    append(expiresAtMs, 20, 1_000, userId, lines.join('\n'));
  const linesOf = async (userId: string) => (await redis.hget(key, userId))?.split('\n');

  it('keeps the first lines of a buyer as they are, in a key that ends when it should', async () => {
    expect(await add('ann', refused(1), refused(2, 'LIMIT_EXCEEDED|2|'))).toBe(1);
    expect(await redis.hgetall(key))
      .toEqual({ ann: `${refused(1)}\n${refused(2, 'LIMIT_EXCEEDED|2|')}` });
    expect(await redis.pexpiretime(key)).toBe(expiresAtMs);
  });

  it.each([
    ['after what is kept', [refused(10, 'A||'), refused(20, 'B||')], [refused(30, 'C||')], 'ABC'],
    ['before what is kept', [refused(10, 'A||'), refused(20, 'B||')], [refused(5, 'C||')], 'CAB'],
    ['between it', [refused(10, 'A||'), refused(20, 'B||')], [refused(15, 'C||')], 'ACB'],
    ['on both sides', [refused(10, 'A||')], [refused(5, 'B||'), refused(15, 'C||')], 'BAC'],
    ['after what came in the same millisecond', [refused(10, 'A||')], [refused(10, 'B||')], 'AB'],
  ])('puts lines of another process in the order of their time: %s', async (_where, kept, added,
    order) => {
    await add('ann', ...kept);
    await add('ann', ...added);
    expect((await linesOf('ann'))?.map((line) => line.split('|')[4]).join('')).toBe(order);
  });

  it.each([
    ['a flood goes on', [refused(10, 'A||', 5, 90)], [refused(110, 'A||', 7, 40)],
      [refused(10, 'A||', 12, 140)]],
    ['two processes at once', [refused(10, 'A||', 5, 90)], [refused(20, 'A||', 7, 30)],
      [refused(10, 'A||', 12, 90)]],
    ['the older comes later', [refused(20, 'A||', 1, 0, '3')], [refused(10, 'A||', 1, 0, '4')],
      [refused(10, 'A||', 2, 10, '4')]],
    ['with another number available', [refused(10, 'A||', 1, 0, '3')],
      [refused(11, 'A||', 1, 0, '')], [refused(10, 'A||', 2, 1, '3')]],
  ])('makes one line of neighbours that say the same: %s', async (_how, kept, added, lines) => {
    await add('ann', ...kept);
    await add('ann', ...added);
    expect(await linesOf('ann')).toEqual(lines);
  });

  it('keeps apart what differs in outcome, quantity or order, and what something lies between',
    async () => {
      const lines = ['A||', 'A|1|', 'A|2|', 'accepted|1|r1', 'accepted|1|r2', 'A||']
        .map((answer, i) => refused(i, answer));
      for (const line of lines) await add('ann', line);
      expect(await linesOf('ann')).toEqual(lines);
    });

  it('splits a flood where another process answered something else', async () => {
    await add('ann', refused(10, 'A||', 5, 20), refused(50, 'A||', 5, 20));
    await add('ann', refused(40, 'B||'));
    expect(await linesOf('ann'))
      .toEqual([refused(10, 'A||', 5, 20), refused(40, 'B||'), refused(50, 'A||', 5, 20)]);
  });

  it('keeps the last 20 lines of a buyer', async () => {
    const lines = Array.from({ length: 30 }, (_none, i) => refused(1_000 + i, `A|${i}|`));
    for (let i = 0; i < 30; i += 3) await add('ann', ...lines.slice(i, i + 3));
    expect(await linesOf('ann')).toEqual(lines.slice(10));
    await add('ann', refused(1, 'OLDER||'));
    expect(await linesOf('ann')).toEqual(lines.slice(10));
  });

  it('leaves out buyers beyond the cap and says so, but writes on for those it has', async () => {
    const capped = (...args: string[]) => append(expiresAtMs, 20, 2, ...args);
    expect(await capped('ann', refused(1), 'bob', refused(1), 'cyd', refused(1))).toBe(1);
    expect(await redis.hget(key, 'left out')).toBe('1');
    expect(await capped('dan', refused(2), 'ann', refused(2, 'B||'), 'cyd', refused(2))).toBe(1);
    expect(await redis.hgetall(key)).toEqual({ 'left out': '3', 'bob': refused(1),
      'ann': `${refused(1)}\n${refused(2, 'B||')}` });
  });

  it.each(['__proto__', '|', '1|2|3||A||', '{pens}', '%d+', "'", '"', '-1', 'x'.repeat(128),
    'left_out'])('knows a buyer by whatever name he has: %s', async (userId) => {
    await add('ann', refused(1));
    await add(userId, refused(1));
    await add(userId, refused(2, 'B||'));
    expect(await linesOf(userId)).toEqual([refused(1), refused(2, 'B||')]);
    expect(await linesOf('ann')).toEqual([refused(1)]);
  });

  it('writes new lines over a field that holds nothing readable', async () => {
    await redis.hset(key, 'ann', 'nonsense', 'bob', '');
    await add('ann', refused(1));
    await add('bob', refused(1));
    expect([await linesOf('ann'), await linesOf('bob')]).toEqual([[refused(1)], [refused(1)]]);
  });

  it.each([
    [], [expiresAtMs], [expiresAtMs, 20, 10], [expiresAtMs, 20, 10, 'ann'],
    [expiresAtMs, 20, 10, 'ann', refused(1), 'bob'],
    ['', 20, 10, 'ann', refused(1)], ['nan', 20, 10, 'ann', refused(1)],
    ['1e12', 20, 10, 'ann', refused(1)], [expiresAtMs, '-1', 10, 'ann', refused(1)],
    [expiresAtMs, 0, 10, 'ann', refused(1)], [expiresAtMs, 20, '0x10', 'ann', refused(1)],
    [expiresAtMs, 20, '9'.repeat(16), 'ann', refused(1)],
  ].map((args) => [args]))('refuses arguments that it does not understand: %j', async (args) => {
    expect(await append(...args)).toBe(-8);
    expect(await redis.exists(key)).toBe(0);
  });

  it('writes nothing when its key is of another type', async () => {
    await redis.set(key, 'text');
    await expect(add('ann', refused(1))).rejects.toThrow(/WRONGTYPE/);
    expect(await redis.get(key)).toBe('text');
  });
});

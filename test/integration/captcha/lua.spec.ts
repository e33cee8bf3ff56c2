import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { LuaCommands, readLuaScripts } from '../../../src/infra/redis';

const never = 4_000_000_000_000;

describe('the Lua scripts of captchas', () => {
  const redis = new Redis(process.env.TEST_REDIS_URL ?? '');
  const scripts = readLuaScripts(join(__dirname, '../../../src/captcha/lua'));
  const commands = new LuaCommands(redis, scripts);
  const key = `test-${randomBytes(6).toString('hex')}:captcha:anna`;

  const pose = (id: string, expiresAtMs: string | number, riddle = `riddle of ${id}`,
    openAtMost: string | number = 3) =>
    commands.run('pose-captcha', [key], [id, expiresAtMs, riddle, openAtMost]);
  const take = (id: string) => commands.run('take-captcha', [key], [id]);

  afterEach(() => redis.del(key));
  afterAll(() => redis.quit());

  it('give a challenge away once', async () => {
    expect(await pose('a', never)).toBe(1);
    expect(await take('a')).toBe('riddle of a');
    expect(await take('a')).toBeNull();
    expect(await take('b')).toBeNull();
    expect(await redis.exists(key)).toBe(0);
  });

  it('keep whatever a riddle holds, line ends and numbers too', async () => {
    const riddle = '{"a":"1 2\\n"}\n99 x';
    await pose('a', never, riddle);
    expect(await take('a')).toBe(riddle);
  });

  it('give away nothing that has expired, and forget it', async () => {
    await pose('open', never);
    await redis.hset(key, 'late', '1763000000000 riddle', 'damaged', 'riddle');
    expect([await take('late'), await take('damaged')]).toEqual([null, null]);
    expect(await redis.hkeys(key)).toEqual(['open']);
    await redis.hset(key, 'late', '1763000000000 riddle', 'damaged', 'riddle');
    await pose('next', never);
    expect((await redis.hkeys(key)).sort()).toEqual(['next', 'open']);
  });

  it('let go of those that would expire first, never of the new one', async () => {
    for (const [id, untilMs] of [['b', 2], ['c', 3], ['d', 4], ['a', 1]] as const) {
      await pose(id, never + untilMs);
    }
    expect((await redis.hkeys(key)).sort()).toEqual(['a', 'c', 'd']);
    expect(await redis.pexpiretime(key)).toBe(never + 4);
  });

  it.each<[string, string | number, string, string | number]>([
    ['', never, 'riddle', 3], ['i'.repeat(65), never, 'riddle', 3], ['a', 'nan', 'riddle', 3],
    ['a', '1e15', 'riddle', 3], ['a', -5, 'riddle', 3], ['a', '9'.repeat(16), 'riddle', 3],
    ['a', never, 'r'.repeat(1_025), 3], ['a', never, 'riddle', 0], ['a', never, 'riddle', '1e1'],
    ['a', never, 'riddle', 100],
  ])('refuse the arguments %j %j %j %j and write nothing', async (...args) => {
    expect(await pose(...args)).toBe(-8);
    expect(await redis.exists(key)).toBe(0);
  });

  it('run right on a key of another type into an error, not into a change', async () => {
    await redis.set(key, 'text');
    await expect(pose('a', never)).rejects.toThrow('WRONGTYPE');
    await expect(take('a')).rejects.toThrow('WRONGTYPE');
    expect(await redis.get(key)).toBe('text');
  });
});

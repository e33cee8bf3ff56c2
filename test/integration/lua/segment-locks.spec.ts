import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { LuaCommands, readLuaScripts } from '../../../src/infra/redis';

const luaFolder = join(__dirname, '../../../src/stock/deduction/lua');
const leaseMs = 30_000;

describe('lock-segment and unlock-segment', () => {
  let redis: Redis;
  let commands: LuaCommands;
  const namespace = `test-${randomBytes(6).toString('hex')}`;

  beforeAll(() => {
    redis = new Redis(process.env.TEST_REDIS_URL ?? '');
    commands = new LuaCommands(redis, readLuaScripts(luaFolder));
  });
  afterAll(async () => {
    const keys = await redis.keys(`${namespace}:*`);
    if (keys.length > 0) await redis.unlink(keys);
    await redis.quit();
  });

  let sales = 0;
  /** Names of the locks of one new sale. */
  function newSale() {
    sales += 1;
    const key = (name: string) => `${namespace}:{sale${sales}}:lock:${name}`;
    const lock = (buyer: string, segment: number, holder: string,
      lease: string | number = leaseMs) =>
      commands.run('lock-segment', [key(buyer), key(`segment${segment}`), key('tokens')],
        [holder, lease]);
    const unlock = (buyer: string, segment: number, holder: string) =>
      commands.run('unlock-segment', [key(buyer), key(`segment${segment}`)], [holder]);
    return { key, lock, unlock };
  }

  it('gives each holder a higher token than everybody before him, whatever he locks', async () => {
    const { lock, unlock } = newSale();
    const first = Number(await lock('ann', 1, 'a'));
    const second = Number(await lock('bob', 2, 'b'));
    expect(await unlock('ann', 1, 'a')).toBe(2);
    const third = Number(await lock('cleo', 1, 'c'));
    expect([first > 0, second > first, third > second]).toEqual([true, true, true]);
  });

  it('gives no number twice: by the clock when tokens are lost, by the tokens when it is set back',
    async () => {
      const { key, lock } = newSale();
      const before = Number(await lock('ann', 1, 'a'));
      await redis.unlink(key('tokens'));
      const after = Number(await lock('bob', 2, 'b'));
      expect(after).toBeGreaterThan(before);
      await redis.set(key('tokens'), String(2 * after));
      expect(await lock('cleo', 3, 'c')).toBe(String(2 * after + 1));
    });

  it('gives both locks or none: a buyer at two segments, two buyers at one segment', async () => {
    const { key, lock } = newSale();
    const token = await lock('ann', 1, 'a');
    expect(await lock('ann', 2, 'again')).toBe(0);
    expect(await lock('bob', 1, 'b')).toBe(0);
    expect(await redis.exists(key('segment2'), key('bob'))).toBe(0);
    expect(await redis.get(key('tokens'))).toBe(token);
  });

  it('is no lock that its own holder may take twice', async () => {
    const { lock } = newSale();
    await lock('ann', 1, 'a');
    expect(await lock('ann', 1, 'a')).toBe(0);
  });

  it('lets both locks run out by themselves, and keeps the tokens for ever', async () => {
    const { key, lock } = newSale();
    await lock('ann', 1, 'a');
    for (const name of ['ann', 'segment1']) {
      const lifeMs = await redis.pttl(key(name));
      expect(lifeMs).toBeGreaterThan(0);
      expect(lifeMs).toBeLessThanOrEqual(leaseMs);
    }
    expect(await redis.pttl(key('tokens'))).toBe(-1);
  });

  it('takes no lock from the holder who came after a late one', async () => {
    const { key, lock, unlock } = newSale();
    await lock('ann', 1, 'late');
    await redis.unlink(key('ann'), key('segment1')); // as if the lease had run out
    await lock('bob', 1, 'next');
    expect(await unlock('ann', 1, 'late')).toBe(0);
    expect(await redis.get(key('segment1'))).toBe('next');
  });

  it('gives up that lock alone which its holder still has', async () => {
    const { key, lock, unlock } = newSale();
    await lock('ann', 1, 'late');
    await redis.unlink(key('segment1'));
    await lock('bob', 1, 'next');
    expect(await unlock('ann', 1, 'late')).toBe(1);
    expect(await redis.exists(key('ann'))).toBe(0);
    expect(await redis.get(key('segment1'))).toBe('next');
    expect(await unlock('ann', 1, 'late')).toBe(0);
  });

  it.each([['', leaseMs], ['a', ''], ['a', '-1'], ['a', '1.5'], ['a', 'x']])(
    'refuses the holder %j with the lease %j, and locks nothing', async (holder, lease) => {
      const { key, lock } = newSale();
      expect(await lock('ann', 1, holder, lease)).toBe(-8);
      expect(await redis.exists(key('ann'), key('segment1'), key('tokens'))).toBe(0);
    });

  it('locks nothing when the tokens cannot be counted on', async () => {
    const { key, lock } = newSale();
    await redis.set(key('tokens'), 'many');
    expect(await lock('ann', 1, 'a')).toBe(-8);
    await redis.unlink(key('tokens'));
    await redis.rpush(key('tokens'), '1');
    await expect(lock('ann', 1, 'a')).rejects.toThrow('WRONGTYPE');
    expect(await redis.exists(key('ann'), key('segment1'))).toBe(0);
  });

  it('locks nothing for a lease that is over at once, or for ever', async () => {
    const { key, lock } = newSale();
    for (const lease of ['0', '9'.repeat(30)]) {
      await lock('ann', 1, 'a', lease).catch((error: Error) => error);
      expect(await redis.exists(key('ann'), key('segment1'))).toBe(0);
    }
  });
});

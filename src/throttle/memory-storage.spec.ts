import { MemoryStorage } from './memory-storage';

const second = 1_000;

/** What `admit-n.lua` is told of a log with these windows, and of a bucket. */
const log = (key: string, ...windows: [limit: number, seconds: number][]) =>
  ({ key, scriptArguments: [windows.length, ...windows.flat()] });
const bucket = (key: string, perSecond: number) => ({ key, scriptArguments: [0, perSecond] });

describe('limits in memory', () => {
  let storage: MemoryStorage;
  const passes = (claims: Parameters<MemoryStorage['take']>[0], nowMs: number) =>
    storage.take(claims, nowMs).length === 0;

  beforeEach(() => { storage = new MemoryStorage(); });

  it('lets at most three through in any ten seconds, however they are spread', () => {
    const passed: number[] = [];
    for (let nowMs = 0; nowMs < 100 * second; nowMs += 700) {
      if (passes([log('bob', [3, 10])], nowMs)) passed.push(nowMs);
    }
    passed.forEach((nowMs, index) => {
      expect(nowMs - (passed[index - 3] ?? -Infinity)).toBeGreaterThanOrEqual(10 * second);
    });
    expect(passed).toHaveLength(30);
  });

  it('says how long the fullest window keeps somebody waiting, and which one that is', () => {
    const claim = log('bob', [2, 1], [3, 60]);
    for (const nowMs of [0, 100, 2_000]) expect(passes([claim], nowMs)).toBe(true);
    expect(storage.take([claim], 2_500)).toEqual([{ claim, window: 1, waitMs: 57_500 }]);
  });

  it('counts a request in every identity or in none', () => {
    const [bob, house] = [log('bob', [1, 10]), log('house', [2, 10])];
    expect(passes([bob, house], 0)).toBe(true);
    expect(passes([bob, house], 1)).toBe(false);
    expect(passes([log('alice', [1, 10]), house], 2)).toBe(true);
    expect(passes([house], 3)).toBe(false);
  });

  it('names the limit first that keeps him waiting the longest', () => {
    const [bob, house] = [log('bob', [1, 10]), log('house', [1, 60])];
    expect(passes([bob, house], 0)).toBe(true);
    expect(storage.take([bob, house], 1).map(({ claim }) => claim.key)).toEqual(['house', 'bob']);
  });

  it('lets a bucket fill up again evenly, and no further than a second’s worth', () => {
    const claim = bucket('sale', 4);
    const crowd = (nowMs: number) =>
      Array.from({ length: 10 }, () => passes([claim], nowMs)).filter(Boolean).length;
    expect(crowd(0)).toBe(4);
    expect(storage.take([claim], 0)).toEqual([{ claim, window: 0, waitMs: 250 }]);
    expect([crowd(250), crowd(1_000), crowd(9_000)]).toEqual([1, 3, 4]);
  });

  it('forgets identities that cannot be refused any more', () => {
    for (let user = 0; user < 1_000; user += 1) storage.take([log(`user-${user}`, [5, 10])], user);
    expect(storage.size).toBe(2_000);
    storage.take([log('last', [5, 10])], 20 * second);
    expect(storage.size).toBe(2);
  });

  it('takes a bounded amount of memory, and forgets those first who have not asked for long', () => {
    storage = new MemoryStorage(300);
    const frequent = log('frequent', [50, 60]);
    for (let user = 0; user < 10_000; user += 1) {
      storage.take([log(`user-${user}`, [1, 60])], user);
      if (user % 200 === 0) storage.take([frequent], user);
      expect(storage.size).toBeLessThanOrEqual(302);
    }
    expect(passes([log('user-9999', [1, 60])], 10_000)).toBe(false);
    expect(passes([log('user-1', [1, 60])], 10_000)).toBe(true);
  });

  it('keeps no more of a busy identity than twice its limit', () => {
    for (let nowMs = 0; nowMs < 1_000 * second; nowMs += second) {
      storage.take([log('bob', [10, 10])], nowMs);
    }
    expect(storage.size).toBeLessThanOrEqual(21);
  });
});

import { BatchedLookup } from './batched-lookup';

/** Knows every id that begins with `known`; answers when told to. */
function countedReads() {
  const reads: (readonly string[])[] = [];
  const gates: (() => void)[] = [];
  const read = async (ids: readonly string[]) => {
    reads.push(ids);
    await new Promise<void>((resolve) => { gates.push(resolve); });
    return new Map(ids.filter((id) => id.startsWith('known')).map((id) => [id, id.length]));
  };
  const answer = async () => {
    while (gates.length === 0) await new Promise(setImmediate);
    gates.shift()?.();
  };
  return { reads, read, answer };
}

describe('batched lookup', () => {
  it('reads once for a crowd that asks for the same id', async () => {
    const { reads, read, answer } = countedReads();
    const lookup = new BatchedLookup(read, { keepMs: 60_000 });
    const crowd = Array.from({ length: 100 }, () => lookup.find(['known']));
    await answer();
    for (const found of await Promise.all(crowd)) expect(found).toEqual(new Map([['known', 5]]));
    await lookup.find(['known']);
    expect(reads).toEqual([['known']]);
  });

  it('puts a flood of ids that do not exist into one read at a time', async () => {
    const { reads, read, answer } = countedReads();
    const lookup = new BatchedLookup(read, { keepMs: 60_000 });
    const first = lookup.find(['a']);
    while (reads.length === 0) await new Promise(setImmediate);
    const flood = Array.from({ length: 1_000 }, (_, index) => lookup.find([`b${index}`]));
    await answer();
    await answer();
    for (const found of await Promise.all([first, ...flood])) expect(found.size).toBe(0);
    expect(reads.map(({ length }) => length)).toEqual([1, 1_000]);
    await lookup.find(['b7']);
    expect(reads).toHaveLength(2);
  });

  it('asks again after its time, after it was told to forget, and after a failure', async () => {
    const results = [new Map([['id', 1]]), new Map([['id', 2]]), undefined, new Map([['id', 3]])];
    const lookup = new BatchedLookup(async () => {
      const result = results.shift();
      if (!result) throw new Error('away');
      return result;
    }, { keepMs: 50 });
    expect((await lookup.find(['id'])).get('id')).toBe(1);
    lookup.forget('id');
    expect((await lookup.find(['id'])).get('id')).toBe(2);
    await new Promise((resolve) => { setTimeout(resolve, 60); });
    await expect(lookup.find(['id'])).rejects.toThrow('away');
    expect((await lookup.find(['id'])).get('id')).toBe(3);
  });

  it('remembers no more than it may', async () => {
    const reads: (readonly string[])[] = [];
    const lookup = new BatchedLookup<number>(async (ids) => {
      reads.push(ids);
      return new Map();
    }, { keepMs: 60_000, entriesAtMost: 2 });
    for (const id of ['a', 'b', 'c', 'c', 'b', 'a']) await lookup.find([id]);
    expect(reads.flat()).toEqual(['a', 'b', 'c', 'a']);
  });

  it('remembers longer what does not exist, where that is asked for', async () => {
    const reads: (readonly string[])[] = [];
    const lookup = new BatchedLookup<number>(async (ids) => {
      reads.push(ids);
      return new Map([['known', 1]]);
    }, { keepMs: 0, keepMissingMs: 60_000 });
    for (const id of ['known', 'none', 'known', 'none']) await lookup.find([id]);
    expect(reads).toEqual([['known'], ['none'], ['known']]);
  });

  it('rests between two reads, and puts what is asked for meanwhile into the second', async () => {
    // Where the machine stands still for a whole rest, nobody asks meanwhile: then with more rest.
    let wasAskedMeanwhile = false;
    for (const pauseMs of [100, 1_000, 10_000]) {
      const startedMs: number[] = [];
      const sizes: number[] = [];
      const lookup = new BatchedLookup<number>(async (ids) => {
        startedMs.push(performance.now());
        sizes.push(ids.length);
        return new Map();
      }, { keepMs: 60_000, pauseMs });
      await lookup.find(['a']);
      const asked = [lookup.find(['b'])];
      await new Promise(setImmediate);
      asked.push(lookup.find(['c']));
      await Promise.all(asked);
      // A timer may be early by a fraction of a millisecond.
      startedMs.slice(1).forEach((atMs, place) => {
        expect(atMs - (startedMs[place] ?? 0)).toBeGreaterThan(pauseMs - 2);
      });
      wasAskedMeanwhile = sizes.join() === '1,2';
      if (wasAskedMeanwhile) break;
    }
    expect(wasAskedMeanwhile).toBe(true);
  });

  it('says that it does not know when the next read is full, never that there is nothing', async () => {
    const { reads, read, answer } = countedReads();
    const lookup = new BatchedLookup(read, { keepMs: 60_000, idsPerReadAtMost: 2 });
    const first = lookup.find(['known']);
    while (reads.length === 0) await new Promise(setImmediate);
    const second = [lookup.find(['a']), lookup.find(['b']), lookup.find(['a'])];
    await expect(lookup.find(['c'])).rejects.toMatchObject({ code: 'TEMPORARILY_UNAVAILABLE' });
    await answer();
    await answer();
    expect((await first).get('known')).toBe(5);
    await Promise.all(second);
    expect(reads).toEqual([['known'], ['a', 'b']]);
  });
});

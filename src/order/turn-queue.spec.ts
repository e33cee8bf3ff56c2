import { TurnQueue } from './turn-queue';

const limits = { workers: 1, together: 3, waiting: 4, waitMs: 60_000 };
const fulfilled = (items: readonly number[]): PromiseSettledResult<string>[] =>
  items.map((item) => ({ status: 'fulfilled', value: `done ${item}` }));
const turnedAway = () => new Error('come back');

/** A queue whose batches stand still until the test lets them go on, one after the other. */
function stoppedQueue(changes: Partial<typeof limits> = {}) {
  const batches: number[][] = [];
  const gates: PromiseWithResolvers<PromiseSettledResult<string>[]>[] = [];
  const queue = new TurnQueue<number, string>({ ...limits, ...changes }, (items) => {
    batches.push([...items]);
    const gate = Promise.withResolvers<PromiseSettledResult<string>[]>();
    gates.push(gate);
    return gate.promise;
  }, turnedAway);
  return { batches, gates, queue };
}

describe('TurnQueue', () => {
  it('takes along all that wait when a worker becomes free, up to the bound, in their order', async () => {
    const { batches, gates, queue } = stoppedQueue();
    const first = queue.run(0);
    await Promise.resolve();
    await Promise.resolve();
    const rest = [1, 2, 3, 4].map((item) => queue.run(item));
    gates[0]?.resolve(fulfilled([0]));
    expect(await first).toBe('done 0');
    gates[1]?.resolve(fulfilled([1, 2, 3]));
    expect(await rest[2]).toBe('done 3');
    gates[2]?.resolve(fulfilled([4]));
    expect(await rest[3]).toBe('done 4');
    expect(batches).toEqual([[0], [1, 2, 3], [4]]);
  });

  it('lets no more workers work than it has', async () => {
    const { batches, gates, queue } = stoppedQueue({ workers: 2, together: 1 });
    const last = [1, 2, 3].map((item) => queue.run(item)).at(-1);
    await new Promise(setImmediate);
    expect(batches).toEqual([[1], [2]]);
    for (const gate of gates) gate.resolve(fulfilled([0]));
    await new Promise(setImmediate);
    expect(batches).toEqual([[1], [2], [3]]);
    gates[2]?.resolve(fulfilled([3]));
    expect(await last).toBe('done 3');
  });

  it('turns away whom it has no room for, and goes on serving the others', async () => {
    const { gates, queue } = stoppedQueue();
    const kept = [0, 1, 2, 3].map((item) => queue.run(item));
    await expect(queue.run(4)).rejects.toThrow('come back');
    await new Promise(setImmediate);
    gates[0]?.resolve(fulfilled([0, 1, 2]));
    expect(await kept[0]).toBe('done 0');
  });

  it('turns away who has waited for too long instead of serving him late', async () => {
    const { batches, gates, queue } = stoppedQueue({ together: 1, waitMs: -1 });
    await expect(queue.run(1)).rejects.toThrow('come back');
    expect([batches, gates]).toEqual([[], []]);
  });

  it('turns away who has waited for too long also while every worker hangs', async () => {
    const { gates, queue } = stoppedQueue({ waitMs: 20 });
    let served = queue.run(1);
    // On a machine that stands still he may have waited for too long before it is his turn.
    while (gates.length === 0) {
      const isTurnedAway = served.then(() => false, () => true);
      await new Promise(setImmediate);
      if (gates.length === 0 && await isTurnedAway) served = queue.run(1);
    }
    await expect(queue.run(2)).rejects.toThrow('come back');
  });

  it('tells each his own outcome, and all of a batch that failed as a whole', async () => {
    const { gates, queue } = stoppedQueue();
    const [one, two, three, four] = [1, 2, 3, 4].map((item) => queue.run(item));
    await new Promise(setImmediate);
    gates[0]?.resolve([...fulfilled([1]), { status: 'rejected', reason: new Error('his own') }]);
    expect(await one).toBe('done 1');
    await expect(two).rejects.toThrow('his own');
    await expect(three).rejects.toThrow('No outcome');
    await new Promise(setImmediate);
    gates[1]?.reject(new Error('all of them'));
    await expect(four).rejects.toThrow('all of them');
    const later = queue.run(5);
    await new Promise(setImmediate);
    gates[2]?.resolve(fulfilled([5]));
    expect(await later).toBe('done 5');
  });
});

import { fewAtOnce } from './few-at-once';

/** Work that stands still until the test lets it go on. */
function stoppedWork() {
  const gates: PromiseWithResolvers<string>[] = [];
  const work = (): Promise<string> => {
    const gate = Promise.withResolvers<string>();
    gates.push(gate);
    return gate.promise;
  };
  return { gates, work };
}

describe('fewAtOnce', () => {
  it('begins with the next as soon as one is done, and answers in the sequence of the items',
    async () => {
      const { gates, work } = stoppedWork();
      const all = fewAtOnce(['a', 'b', 'c'], 2, work);
      expect(gates).toHaveLength(2);
      gates[1]?.resolve('done b');
      await new Promise(setImmediate);
      expect(gates).toHaveLength(3);
      gates[2]?.resolve('done c');
      gates[0]?.resolve('done a');
      expect(await all).toEqual(['done a', 'done b', 'done c']);
    });

  it('fails only when nothing is under way any more', async () => {
    const { gates, work } = stoppedWork();
    let isOver = false;
    const failure = fewAtOnce(['a', 'b'], 2, work).catch(String).finally(() => { isOver = true; });
    gates[0]?.reject(new Error('not a'));
    await new Promise(setImmediate);
    expect(isOver).toBe(false);
    gates[1]?.resolve('done b');
    expect(await failure).toBe('Error: not a');
  });

  it('asks for nothing where there is nothing to do', async () => {
    const { gates, work } = stoppedWork();
    expect(await fewAtOnce([], 8, work)).toEqual([]);
    expect(gates).toEqual([]);
  });
});

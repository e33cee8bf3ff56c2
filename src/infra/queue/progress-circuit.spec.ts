import { ProgressCircuit } from './progress-circuit';

describe('the circuit of a queue', () => {
  /** Whether it is open after each of these looks, where three without progress open it. */
  async function after(...looks: readonly [jobs: number, finished: number][]): Promise<boolean[]> {
    const circuit = new ProgressCircuit(3);
    const opened: boolean[] = [];
    for (const [jobs, finished] of looks) {
      await circuit.take({ jobs, finished });
      opened.push(circuit.isOpen);
    }
    return opened;
  }

  it('opens when there is work at every look and none of it is finished', async () => {
    expect(await after([3, 7], [3, 7], [5, 7], [4, 7], [4, 7]))
      .toEqual([false, false, false, true, true]);
  });

  it('closes with the first job that is finished, however many wait', async () => {
    expect(await after([3, 7], [3, 7], [3, 7], [3, 7], [9, 8], [9, 8]))
      .toEqual([false, false, false, true, false, false]);
  });

  it('counts from the beginning after every job that was finished', async () => {
    expect(await after([3, 7], [3, 7], [3, 7], [3, 8], [3, 8], [3, 8]))
      .toEqual([false, false, false, false, false, false]);
  });

  it('stays closed where there is nothing to do', async () => {
    expect(await after([0, 7], [0, 7], [1, 7], [0, 7], [1, 7], [0, 7]))
      .toEqual([false, false, false, false, false, false]);
  });

  it('closes when Redis comes back empty and counts from the beginning', async () => {
    expect(await after([3, 7], [3, 7], [3, 7], [3, 7], [3, 0])).toEqual([false, false, false, true, false]);
  });
});

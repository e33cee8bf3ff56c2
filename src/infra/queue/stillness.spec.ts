import { Stillness } from './stillness';

describe('the stillness of a queue', () => {
  /** The answers to looks half a second apart at so many jobs, of which so many were finished. */
  function after(...looks: readonly [jobs: number, finished: number][]): number[] {
    const stillness = new Stillness(1_000);
    return looks.map(([jobs, finished], index) =>
      stillness.after({ jobs, finished, atMs: index * 500 }));
  }

  it('grows while there is work and none of it is finished', () => {
    expect(after([3, 7], [3, 7], [5, 7], [4, 7])).toEqual([0, 500, 1_000, 1_500]);
  });

  it('ends with the first job that is finished, however many wait', () => {
    expect(after([3, 7], [3, 7], [9, 8], [9, 8])).toEqual([0, 500, 0, 500]);
  });

  it('is none where there is nothing to do', () => {
    expect(after([0, 7], [0, 7], [1, 7], [0, 7])).toEqual([0, 0, 0, 0]);
  });

  it('ends when Redis comes back empty and counts from the beginning', () => {
    expect(after([3, 7], [3, 7], [3, 0])).toEqual([0, 500, 0]);
  });

  it('does not count the time in which nobody could look', () => {
    const stillness = new Stillness(1_000);
    stillness.after({ jobs: 1, finished: 0, atMs: 0 });
    expect(stillness.after({ jobs: 1, finished: 0, atMs: 60_000 })).toBe(1_000);
  });
});

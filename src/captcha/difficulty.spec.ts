import { difficultyOf, iterationsPerTry } from './difficulty';

describe('the difficulty of a proof of work', () => {
  it('grows with the risk score', () => {
    const scores = [0, 0.1, 0.4, 0.7, 1];
    expect(scores.map(difficultyOf)).toEqual([200, 280, 520, 760, 1_000]);
  });

  it.each([2, 1_000, Infinity, NaN])('never passes what a phone does in two seconds (%d)',
    (score) => {
      // A phone of the middle class: half a million PBKDF2 iterations a second on one core.
      expect(difficultyOf(score) * iterationsPerTry).toBe(1_000_000);
    });

  it.each([-1, -Infinity])('is never nothing (%d)', (score) => {
    expect(difficultyOf(score)).toBe(200);
  });
});

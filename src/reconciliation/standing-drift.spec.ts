import { StandingDrift } from './standing-drift';

/** What is told at each of these looks at one sale. */
function toldAt(drifts: readonly number[]): boolean[] {
  const standing = new StandingDrift();
  return drifts.map((drift) => standing.note(new Map([['sale', drift]])).length > 0);
}

describe('StandingDrift', () => {
  it('tells of the same drift at the fifth look, and once', () => {
    expect(toldAt([-1, -1, -1, -1, -1, -1, -1])).toEqual([false, false, false, false, true, false, false]);
  });

  it('tells nothing of sides that agree', () => {
    expect(toldAt([0, 0, 0, 0, 0, 0])).not.toContain(true);
  });

  it('tells nothing of a drift that moves or passes', () => {
    expect(toldAt([-1, -2, -1, -1, -1, -1, 0, -1, -1, -1, -1])).not.toContain(true);
  });

  it('tells of each sale by itself, also again when it stood, was mended and stands anew', () => {
    const standing = new StandingDrift();
    const told = [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1].map((drift) =>
      standing.note(new Map([['old', drift], ['new', -drift], ['fine', 0]])));
    expect(told.map((sales) => sales.join())).toEqual(
      ['', '', '', '', 'old,new', '', '', '', '', '', 'old,new']);
  });

  it('forgets a sale that is not looked at any more', () => {
    const standing = new StandingDrift();
    for (let look = 0; look < 4; look += 1) standing.note(new Map([['sale', 1]]));
    standing.note(new Map());
    expect(standing.note(new Map([['sale', 1]]))).toEqual([]);
  });
});

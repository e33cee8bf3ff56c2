import { lotsBy, lotsOf } from '../../test/support/lots';

const draws = Array.from({ length: 1_000 }, (_, i) => `sale|${i}`);

describe('lots', () => {
  it('are the same on every process of an installation', async () => {
    const [one, other] = [await lotsOf(), await lotsOf()];
    expect(draws.map((text) => one.of(text))).toEqual(draws.map((text) => other.of(text)));
  });

  it('say nothing to whoever does not have the secret of the installation', async () => {
    const [ours, guessed] = [await lotsOf(), await lotsOf('another')];
    const winners = draws.filter((text) => guessed.of(text) < 0.5);
    const hits = winners.filter((text) => ours.of(text) < 0.5).length;
    // Six standard deviations of guessing.
    expect(Math.abs(hits - winners.length / 2)).toBeLessThan(6 * Math.sqrt(winners.length / 4));
  });

  it('are not drawn before the secret is there', () => {
    const lots = lotsBy(() => Promise.reject(new Error('The database is away')));
    expect(() => lots.of('sale|0')).toThrow('before the start is over');
  });
});

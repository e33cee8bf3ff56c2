import { Turns } from './turns';

const idsOf = (count: number) => Array.from({ length: count }, (_, index) => `id-${index}`);
const never = () => false;

describe('Turns', () => {
  it('looks at all of a few hundred each time', () => {
    const turns = new Turns();
    for (let look = 0; look < 3; look += 1) {
      expect(turns.next(idsOf(250), never)).toEqual(idsOf(250));
    }
  });

  it('looks at each of a thousand quiet ones within four looks', () => {
    const turns = new Turns();
    const looks = Array.from({ length: 4 }, () => turns.next(idsOf(1_000), never));
    expect(looks.map(({ length }) => length)).toEqual([250, 250, 250, 250]);
    expect(new Set(looks.flat())).toEqual(new Set(idsOf(1_000)));
  });

  it('looks at the busy ones each time, whoever has the turn', () => {
    const turns = new Turns();
    for (let look = 0; look < 5; look += 1) {
      expect(turns.next(idsOf(1_000), (id) => id === 'id-999')).toContain('id-999');
    }
  });

  it('begins anew where some are gone meanwhile', () => {
    const turns = new Turns();
    turns.next(idsOf(1_000), never);
    expect(turns.next(idsOf(3), never)).toEqual(idsOf(3));
    expect(turns.next([], never)).toEqual([]);
  });
});

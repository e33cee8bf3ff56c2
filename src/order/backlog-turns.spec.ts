import { BacklogTurns } from './backlog-turns';

const salesOf = (count: number) => Array.from({ length: count }, (_, index) => `sale-${index}`);
const never = () => false;

describe('BacklogTurns', () => {
  it('looks at all of a few hundred sales each time', () => {
    const turns = new BacklogTurns();
    for (let look = 0; look < 3; look += 1) {
      expect(turns.next(salesOf(250), never)).toEqual(salesOf(250));
    }
  });

  it('looks at each of a thousand quiet sales within four looks', () => {
    const turns = new BacklogTurns();
    const looks = Array.from({ length: 4 }, () => turns.next(salesOf(1_000), never));
    expect(looks.map(({ length }) => length)).toEqual([250, 250, 250, 250]);
    expect(new Set(looks.flat())).toEqual(new Set(salesOf(1_000)));
  });

  it('looks at those with a backlog each time, whoever has the turn', () => {
    const turns = new BacklogTurns();
    for (let look = 0; look < 5; look += 1) {
      expect(turns.next(salesOf(1_000), (saleId) => saleId === 'sale-999')).toContain('sale-999');
    }
  });

  it('begins anew where sales have ended meanwhile', () => {
    const turns = new BacklogTurns();
    turns.next(salesOf(1_000), never);
    expect(turns.next(salesOf(3), never)).toEqual(salesOf(3));
    expect(turns.next([], never)).toEqual([]);
  });
});

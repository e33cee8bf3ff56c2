import { parseLines, toLine, type TimelineEntry } from './timeline-entry';

const refused: TimelineEntry = { atMs: 1_000, lastAtMs: 1_900, count: 41, outcome: 'SOLD_OUT',
  available: 0 };
const won: TimelineEntry = { atMs: 2_000, lastAtMs: 2_000, count: 1, outcome: 'accepted',
  quantity: 2, rid: 'k31x9q0r5m2n8p4t6v7w9y1z3a5b7c9d', available: 17 };

describe('the lines of a timeline', () => {
  it('are read as they were written', () => {
    expect(parseLines([refused, won].map(toLine).join('\n'))).toEqual([refused, won]);
  });

  it('hide none of the others when one is damaged', () => {
    const damaged = ['', 'nonsense', '1|2|3', '1|2|x||SOLD_OUT||', '-1|0|1||SOLD_OUT||'];
    const text = [toLine(refused), ...damaged, toLine(won)].join('\n');
    expect(parseLines(text)).toEqual([refused, won]);
    expect(parseLines('')).toEqual([]);
  });
});

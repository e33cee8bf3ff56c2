import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRecord, recordLetters, stateText, statusOfLetter } from './record';

const include = readFileSync(join(__dirname, 'lua/record.include.lua'), 'utf8');

describe('a record', () => {
  it.each([
    'ann', 'a|b', '||', '|', 'a:b', 'a\nb', '雪'.repeat(128), 'R|1|1|1|1|1|0|print|bob',
  ])('is read field by field, and its user id as it is: %j', (userId) => {
    expect(parseRecord('r1', `O|2|1800000000000|42|3|1700000000000|5|p-r_int|${userId}`)).toEqual({
      rid: 'r1', status: 'pending_payment', hold: 1, quantity: 2, seq: 42, epoch: 3,
      deadlineMs: 1_800_000_000_000, reservedAtMs: 1_700_000_000_000, requeues: 5,
      fingerprint: 'p-r_int', userId,
    });
  });

  it('may have no fingerprint: a tombstone of a purchase that nobody saw', () => {
    expect(parseRecord('r1', 'J|1|1|1|1|1|0||ann'))
      .toMatchObject({ fingerprint: '', userId: 'ann' });
  });

  it('names its hold behind the letter, from the second on', () => {
    expect(stateText('frozen', 1)).toBe('F');
    expect(stateText('frozen', 12)).toBe('F12');
    expect(parseRecord('r1', 'F12|1|1|1|1|1|0|print|ann'))
      .toMatchObject({ status: 'frozen', hold: 12 });
  });

  it.each(['', 'abc', 'R', 'R123456|1|1|1|1|1|0|print|ann', 'R-2|1|1|1|1|1|0|print|ann',
    'R|1|1|1|1|1|0|print', 'R|-1|1|1|1|1|0|print|ann',
    'R|1e3|1|1|1|1|0|print|ann', 'R|nan|1|1|1|1|0|print|ann', 'r|1|1|1|1|1|0|print|ann',
    'X|1|1|1|1|1|0|print|ann', '\nR|1|1|1|1|1|0|print|ann'])('is not read from %j', (text) => {
    expect(() => parseRecord('r1', text)).toThrow('No status has the letter');
  });

  it('has the same letters in Lua as in TypeScript', () => {
    const inLua = [...include.matchAll(/\b([A-Z]) (reserved|ordered|[a-z]+ed|frozen|sold)\b/g)]
      .map(([, letter, word]) => [letter, word]);
    const words: Partial<Record<string, string>> = { pending_payment: 'ordered', paid: 'sold' };
    expect(inLua.sort()).toEqual(Object.entries(recordLetters)
      .map(([status, letter]) => [letter, words[status] ?? status]).sort());
  });

  it('has one letter for each status', () => {
    for (const [status, letter] of Object.entries(recordLetters)) {
      expect(statusOfLetter(letter)).toBe(status);
    }
  });
});

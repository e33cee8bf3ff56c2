import { encodeBase32, idPattern, mayBeNewId, newId } from './ids';

describe('ids', () => {
  it('makes ids that paths accept and that do not repeat', () => {
    const ids = Array.from({ length: 2_000 }, () => newId('sale'));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) {
      expect(id).toMatch(/^sale_[0-9a-hjkmnp-tv-z]{20}$/);
      expect(id).toMatch(idPattern);
    }
  });

  it('tells an id that it may have made from one that it cannot have made', () => {
    const id = newId('sale');
    expect(mayBeNewId('sale', id)).toBe(true);
    for (const wrong of ['', 'sale', 'sale_', `${id}0`, id.slice(0, -1), `x${id}`, newId('sales'),
      id.replace(/.$/, 'u'), `${id}\n`]) {
      expect(mayBeNewId('sale', wrong)).toBe(false);
    }
  });

  it.each([
    [[], ''],
    [[0], '00'],
    [[255], 'zw'],
    [[255, 255, 255, 255, 255], 'zzzzzzzz'],
    [[0, 1, 2, 3, 4], '000g40r4'],
  ])('encodes the bytes %j as "%s"', (bytes, expected) => {
    expect(encodeBase32(Uint8Array.from(bytes))).toBe(expected);
  });
});

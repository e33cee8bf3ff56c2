import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { issueBoundToken, readBoundToken } from './bound-token';

const now = Date.UTC(2026, 0, 31);
const ann = { userId: 'ann', saleId: 'sale_1' };

describe('a bound token', () => {
  let key: KeyObject;

  beforeAll(() => { key = createSecretKey(randomBytes(32)); });

  it('gives its id to whom it was made for, the same one every time', () => {
    const token = issueBoundToken(key, ann, now + 1);
    expect(token).toMatch(/^[\w-]{42}$/);
    const id = readBoundToken(key, ann, token, now);
    expect(id).toMatch(/^[\w-]{12}$/);
    expect(readBoundToken(key, ann, token, now)).toBe(id);
  });

  it('has an id of its own each time', () => {
    const ids = Array.from({ length: 1_000 }, () =>
      readBoundToken(key, ann, issueBoundToken(key, ann, now + 1), now));
    expect(new Set(ids).size).toBe(1_000);
  });

  it('is over at its moment, not a millisecond later', () => {
    const token = issueBoundToken(key, ann, now);
    expect(readBoundToken(key, ann, token, now - 1)).toBeDefined();
    expect(readBoundToken(key, ann, token, now)).toBeUndefined();
  });

  it.each([
    ['another user', { userId: 'bob', saleId: 'sale_1' }],
    ['another sale', { userId: 'ann', saleId: 'sale_2' }],
    ['names that together are the same text', { userId: 'ann|6:sale_', saleId: '1' }],
  ])('is worth nothing for %s', (_title, binding) => {
    const token = issueBoundToken(key, ann, now + 1);
    expect(readBoundToken(key, binding, token, now)).toBeUndefined();
  });

  it('is worth nothing under the key of another kind', () => {
    const token = issueBoundToken(createSecretKey(randomBytes(32)), ann, now + 1);
    expect(readBoundToken(key, ann, token, now)).toBeUndefined();
  });

  it('is worth nothing with any one bit changed, such as a later expiry', () => {
    const bytes = Buffer.from(issueBoundToken(key, ann, now + 1), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const forged = Buffer.from(bytes);
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(readBoundToken(key, ann, forged.toString('base64url'), now)).toBeUndefined();
    }
  });

  it('has one spelling: another last character is worth nothing even if it means the same bytes', () => {
    const token = issueBoundToken(key, ann, now + 1);
    const bytes = Buffer.from(token, 'base64url');
    const others = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
      .map(last => `${token.slice(0, 41)}${last}`).filter(other => other !== token);
    expect(others.filter(other => Buffer.from(other, 'base64url').equals(bytes))).toHaveLength(15);
    expect(others.filter(other => readBoundToken(key, ann, other, now) !== undefined)).toEqual([]);
  });

  it.each([
    ['nothing', ''], ['a word', 'token'], ['one character more', 'A'.repeat(43)],
    ['zeros', 'A'.repeat(42)], ['another alphabet', '+/'.repeat(21)], ['a lot', 'A'.repeat(10_000)],
  ])('is not %s', (_title, token) => {
    expect(readBoundToken(key, ann, token, 0)).toBeUndefined();
  });
});

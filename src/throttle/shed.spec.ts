import { lotsOf } from '../../test/support/lots';
import type { Lots } from './lots';
import { shed, type SheddingSale } from './shed';

const opensAtMs = 1_800_000_000_000;
const users = Array.from({ length: 4_000 }, (_, i) => `user${i}`);

function sale(share: number, id = 'sale1'): SheddingSale {
  return { id, opensAtMs,
    protection: { shedding: { share, retryAfterSeconds: 5, forSeconds: 12 } } };
}

let lots: Lots;
const isShed = (userId: string, afterMs: number, of = sale(0.5)) =>
  shed({ userId, sale: of }, opensAtMs + afterMs, lots) !== undefined;
const shareOf = (fates: readonly boolean[]) => fates.filter(Boolean).length / fates.length;

describe('shedding of the opening rush', () => {
  beforeAll(async () => { lots = await lotsOf(); });

  it.each([0, 0.3, 0.9, 0.99])('tells a share of %d to come back', (share) => {
    expect(shareOf(users.map((user) => isShed(user, 0, sale(share))))).toBeCloseTo(share, 1);
  });

  it('gives a user the same fate however often he asks within a window', () => {
    for (const user of users.slice(0, 100)) {
      const fates = [0, 1, 2_500, 4_999.9].map((afterMs) => isShed(user, afterMs));
      expect(new Set(fates).size).toBe(1);
    }
  });

  it('draws anew in the next window and for another sale, whatever was drawn before', () => {
    const unlucky = users.filter((user) => isShed(user, 0));
    expect(shareOf(unlucky.map((user) => isShed(user, 5_000)))).toBeCloseTo(0.5, 1);
    expect(shareOf(unlucky.map((user) => isShed(user, 0, sale(0.5, 'sale2'))))).toBeCloseTo(0.5, 1);
  });

  it('names the moment of the next draw in whole seconds', () => {
    const [unlucky = ''] = users.filter((user) => isShed(user, 0));
    const headersAfter = (afterMs: number) =>
      shed({ userId: unlucky, sale: sale(0.5) }, opensAtMs + afterMs, lots)?.headers;
    expect(headersAfter(0)).toEqual({ 'Retry-After': '5', 'RateLimit': '"opening";r=0;t=5',
      'RateLimit-Policy': '"opening";q=1;w=5' });
    expect(headersAfter(1_200)?.['Retry-After']).toBe('4');
    expect(headersAfter(4_999)?.['Retry-After']).toBe('1');
  });

  it.each([-1, 12_000, 1e9])('rests %d ms after the opening', (afterMs) => {
    expect(shareOf(users.map((user) => isShed(user, afterMs, sale(0.99))))).toBe(0);
  });

  it('lets all through where the sale does not ask for it', () => {
    const open = { id: 'sale1', opensAtMs, protection: {} };
    expect(users.filter((userId) => shed({ userId, sale: open }, opensAtMs, lots))).toEqual([]);
  });
});

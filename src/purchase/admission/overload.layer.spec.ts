import { lotsOf } from '../../../test/support/lots';
import type { Lots } from '../../throttle';
import { draw } from './overload.layer';

const nowMs = Date.UTC(2026, 0, 1);

describe('the lot that decides who is told to come back', () => {
  let lots: Lots;
  const buyers = Array.from({ length: 1_000 }, (_, index) => ({ userId: `b-${index}`, saleId: 's' }));

  beforeAll(async () => { lots = await lotsOf(); });

  it('stays the same until the time to come back, and is another one then', () => {
    for (const buyer of buyers.slice(0, 50)) {
      const { lot, waitMs } = draw(buyer, nowMs, lots);
      expect(draw(buyer, nowMs + waitMs - 1, lots).lot).toBe(lot);
      expect(draw(buyer, nowMs + waitMs, lots).lot).not.toBe(lot);
    }
  });

  it('is fair', () => {
    const refused = buyers.filter((buyer) => draw(buyer, nowMs, lots).lot < 0.5).length;
    // Six standard deviations of a fair lot.
    expect(Math.abs(refused - 500)).toBeLessThan(6 * Math.sqrt(250));
  });

  it('sends buyers back at different times, between now and four seconds from now', () => {
    const waits = buyers.map((buyer) => draw(buyer, nowMs, lots).waitMs);
    expect(Math.min(...waits)).toBeGreaterThan(0);
    expect(Math.max(...waits)).toBeLessThanOrEqual(4_000);
    const bySecond = [0, 1, 2, 3].map((second) =>
      waits.filter((wait) => Math.floor(wait / 1_000) === second).length);
    for (const count of bySecond) expect(count).toBeGreaterThan(150);
  });
});

import fc from 'fast-check';
import { countInWindow } from './sliding-window';

const windowMs = 60_000;

/** What the scripts would have kept of these moments. */
function kept(moments: readonly number[], nowMs: number): string {
  const bucket = Math.floor(nowMs / windowMs);
  const inBucket = (wanted: number) =>
    moments.filter((at) => Math.floor(at / windowMs) === wanted).length;
  return `${bucket} ${inBucket(bucket)} ${inBucket(bucket - 1)}`;
}

const exactly = (moments: readonly number[], nowMs: number) =>
  moments.filter((at) => at > nowMs - windowMs).length;

describe('a window of two buckets', () => {
  it('is never off by more than the bucket before, however the events lie', () => {
    const start = 1_000 * windowMs;
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 2 * windowMs }), { maxLength: 200 }),
      fc.integer({ min: windowMs, max: 2 * windowMs - 1 }), (offsets, elapsed) => {
        const nowMs = start + elapsed;
        const moments = offsets.map((offset) => start + offset).filter((at) => at <= nowMs);
        const text = kept(moments, nowMs);
        const [, , previous = 0] = text.split(' ').map(Number);
        const error = countInWindow(text, windowMs, nowMs) - exactly(moments, nowMs);
        expect(Math.abs(error)).toBeLessThanOrEqual(previous + 1);
        if (previous === 0) expect(error).toBe(0);
      }));
  });

  it('is right to one event when they come evenly, at every offset', () => {
    const start = 1_000 * windowMs;
    const moments = Array.from({ length: 120 }, (_, i) => start + i * 1_000 + 500);
    for (let elapsed = windowMs; elapsed < 2 * windowMs; elapsed += 777) {
      const nowMs = start + elapsed;
      const known = moments.filter((at) => at <= nowMs);
      const error = countInWindow(kept(known, nowMs), windowMs, nowMs) - exactly(known, nowMs);
      expect(Math.abs(error)).toBeLessThanOrEqual(1);
    }
  });

  it('slides: what one bucket holds fades over the next and is gone after it', () => {
    const start = 1_000 * windowMs;
    const at = (elapsed: number) => countInWindow('1000 60 0', windowMs, start + elapsed);
    expect([0, 59_999, 60_000, 90_000, 119_999, 120_000].map(at)).toEqual([60, 60, 60, 30, 0, 0]);
  });

  it('is empty when nothing is known', () => {
    expect(countInWindow(null, windowMs, 1e12)).toBe(0);
  });
});

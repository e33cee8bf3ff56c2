import { OverloadMeter, type LoopSample } from './overload-meter';

/** A meter that has seen so many equal samples. */
function after(count: number, sample: Partial<LoopSample>, meter = new OverloadMeter()) {
  for (let i = 0; i < count; i += 1) meter.take({ delayMs: 0, utilization: 1, ...sample });
  return meter;
}

describe('the overload of an event loop', () => {
  it.each([[10, 0], [35, 0], [45, 1], [110, 1], [130, 2], [3_000, 2]])(
    'with a steady delay of %d ms has level %d', (delayMs, level) => {
      expect(after(50, { delayMs }).level).toBe(level);
    });

  it('is not heavy for one pause, however long, such as a garbage collection', () => {
    expect(after(1, { delayMs: 150 }).level).toBe(0);
    expect(after(1, { delayMs: 9_000 }).level).toBe(1);
  });

  it('is not raised by a machine that is late while this process rests', () => {
    expect(after(50, { delayMs: 500, utilization: 0.1 }).level).toBe(0);
  });

  it('stays at its level until the delay is half of what raised it', () => {
    const heavy = after(50, { delayMs: 200 });
    expect(after(50, { delayMs: 70 }, heavy).level).toBe(2);
    expect(after(50, { delayMs: 30 }, heavy).level).toBe(1);
    expect(after(50, { delayMs: 5 }, heavy).level).toBe(0);
  });

  it('refuses nobody below level 2', () => {
    expect(after(100, { delayMs: 100 }).pressure).toBe(0);
  });

  it('refuses more and more while it is heavy: all new buyers, and never all of the admitted', () => {
    const meter = after(10, { delayMs: 500 });
    const soon = meter.pressure;
    expect(soon).toBeGreaterThan(0);
    expect(soon).toBeLessThan(1);
    expect(after(200, { delayMs: 500 }, meter).pressure).toBeCloseTo(1.9);
  });

  it('lets everybody in again by and by when it is over', () => {
    const meter = after(200, { delayMs: 500 });
    const full = meter.pressure;
    const halfWay = after(40, {}, meter).pressure;
    expect(halfWay).toBeGreaterThan(0);
    expect(halfWay).toBeLessThan(full);
    expect(after(100, {}, meter).pressure).toBe(0);
  });
});

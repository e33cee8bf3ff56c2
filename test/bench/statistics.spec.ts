import { burst, evenArrivals, median, percentiles, timesReached }
  from '../../bench/lib/statistics.mjs';

describe('the arithmetic of the benchmark', () => {
  it('takes for a percentile the least value that so many do not exceed', () => {
    const upTo = (count: number) => Array.from({ length: count }, (_, index) => count - index);
    expect(percentiles(upTo(1_000))).toEqual({ p50: 500, p99: 990, p999: 999, longest: 1_000 });
    expect(percentiles(upTo(10))).toEqual({ p50: 5, p99: 10, p999: 10, longest: 10 });
    expect(percentiles([7])).toEqual({ p50: 7, p99: 7, p999: 7, longest: 7 });
    expect(percentiles([]).p50).toBeNaN();
  });

  it('orders numbers as numbers', () => {
    expect(median([10, 9, 1])).toBe(9);
    expect(median([100, 20, 3, 4])).toBe(20);
  });

  it('lets requests be due at a constant rate, whatever becomes of them', () => {
    expect([...evenArrivals(4, 500)]).toEqual([0, 2, 4, 6]);
    expect([...burst(3)]).toEqual([0, 0, 0]);
  });

  it('says of every position when it was first reached, if it was', () => {
    const sightings = [{ at: 10, value: 0 }, { at: 15, value: 2 }, { at: 30, value: 3 }];
    expect([...timesReached(sightings, 4)]).toEqual([15, 15, 30, NaN]);
    expect([...timesReached(sightings, 1)]).toEqual([15]);
  });
});

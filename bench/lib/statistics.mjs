// The arithmetic of the benchmark: no load, no servers.

/** The middle one; of an even number of values the upper of the two in the middle. */
export function median(values) {
  return sorted(values)[Math.floor(values.length / 2)];
}

/**
 * Percentiles of all values, in their unit: the smallest of them that so many do not exceed (the
 * nearest rank, so that each is a value which was measured). NaN of none.
 */
export function percentiles(values) {
  const ascending = sorted(values);
  const at = (perMille) =>
    ascending[Math.max(0, Math.ceil(ascending.length * perMille / 1_000) - 1)] ?? NaN;
  return { p50: at(500), p99: at(990), p999: at(999), longest: at(1_000) };
}

/** When each of so many requests is due, in milliseconds after the start: at a constant rate. */
export function evenArrivals(count, perSecond) {
  return Float64Array.from({ length: count }, (_, index) => index / perSecond * 1_000);
}

/** All at once. */
export const burst = (count) => new Float64Array(count);

/**
 * Of a number that only grows, seen at times: when each of the positions 1 … n was first reached;
 * NaN for a position that was never.
 *
 * @param {{ at: number, value: number }[]} sightings in the sequence of time
 */
export function timesReached(sightings, positions) {
  const times = new Float64Array(positions).fill(NaN);
  let reached = 0;
  for (const { at, value } of sightings) {
    for (; reached < Math.min(value, positions); reached += 1) times[reached] = at;
  }
  return times;
}

function sorted(values) {
  return Float64Array.from(values).sort();
}

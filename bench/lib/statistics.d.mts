/** Types of statistics.mjs for the test that is written in TypeScript. */

export interface Percentiles { p50: number; p99: number; p999: number; longest: number }

export function median(values: Iterable<number> & { length: number }): number;
export function percentiles(values: Iterable<number>): Percentiles;
export function evenArrivals(count: number, perSecond: number): Float64Array;
export function burst(count: number): Float64Array;
export function timesReached(
  sightings: readonly { at: number; value: number }[], positions: number): Float64Array;

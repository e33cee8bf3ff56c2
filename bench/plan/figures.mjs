// What one core, one writer and one reservation can do or cost: measured, or given instead.
import { Failure } from '../../tools/lib/console.mjs';

/** A cost that the clock was too coarse to see is not nothing. */
const leastMicroseconds = 0.1;

const perCore = (microseconds) =>
  Number.isFinite(microseconds) ? 1e6 / Math.max(microseconds, leastMicroseconds) : undefined;

const rowOf = ({ rows }, start) => rows?.find(({ name }) => name?.startsWith(start));
/** Seconds for a thousand requests are milliseconds for one. */
const apiOf = (row) => perCore(Number.parseFloat(row?.['CPU s/1,000 API']) * 1_000);

/** The dearest way to send it: nobody knows how many commands will travel together. */
const reservesOf = ({ redisScript }) => redisScript
  && Math.min(...redisScript.rows.map((row) => row['per second and core of Redis']));

/** The dearer of the two floods: which of them will come nobody knows. */
const floodOf = (results) => Math.min(...['flood of a blacklisted', 'flood of a throttled']
  .map((start) => apiOf(rowOf(results, start)) ?? Infinity));

/**
 * `read` finds it in what `npm run bench` wrote; `instead` is what it is taken for when it is not
 * there, always to the careful side, and `why`. Without `instead` it must be given.
 */
const figures = {
  apiPerCore: { unit: 'purchases/s', what: 'accepted by one API core',
    read: (results) => perCore(results.perPurchase?.apiCpuMicroseconds)
      ?? apiOf(rowOf(results, 'accepted (202), funnel on')) },
  soldOutPerCore: { unit: 'answers/s', what: '"sold out" from memory, by one API core',
    read: (results) => apiOf(rowOf(results, 'sold out (409), funnel on')),
    instead: ({ apiPerCore }) => apiPerCore, why: 'as dear as a purchase' },
  refusalsPerCore: { unit: 'answers/s', what: 'other refusals from memory, by one API core',
    read: floodOf, instead: ({ soldOutPerCore }) => soldOutPerCore, why: 'as dear as "sold out"' },
  redisPerCore: { unit: 'purchases/s', what: 'asked for, whole funnel, by one Redis core',
    read: ({ perPurchase }) => perCore(perPurchase?.redisCpuMicroseconds) },
  reservesPerCore: { unit: 'scripts/s', what: 'reserve scripts of one sale by one Redis core',
    read: reservesOf,
    instead: ({ redisPerCore }) => redisPerCore, why: 'nothing of a purchase can be spread' },
  recordsPerCore: { unit: 'records/s', what: 'of a sold-out sale, read from one Redis core',
    read: ({ recordsPerCore }) => recordsPerCore,
    instead: ({ reservesPerCore }) => reservesPerCore, why: 'as dear as a script each' },
  ordersPerWriter: { unit: 'orders/s', what: 'written by one worker process',
    read: ({ rowsPerSecondFromBacklog }) => rowsPerSecondFromBacklog ?? undefined },
  ordersPerSale: { unit: 'orders/s', what: 'of one sale, by any number of workers',
    read: ({ drain }) => drain?.rows[1]?.['orders per second'],
    instead: ({ ordersPerWriter }) => ordersPerWriter,
    why: 'workers wait for each other at the sale\'s one stock row' },
  databaseOrdersPerCore: { unit: 'orders/s', what: 'by one core of the database',
    read: ({ drain }) => perCore(drain?.rows[0]?.['CPU µs MariaDB']),
    instead: ({ ordersPerWriter }) => ordersPerWriter, why: 'a core for each writer' },
  bytesPerReservation: { unit: 'bytes', what: 'of Redis for one reservation',
    read: ({ perPurchase }) => perPurchase?.redisBytes },
  bytesPerBuyer: { unit: 'bytes', what: 'of Redis for throttle and risk of one buyer',
    read: ({ perPurchase }) => perPurchase?.redisBytesPerBuyer,
    instead: () => 0, why: 'NOT COUNTED, leave room for it' },
  bytesIn: { unit: 'bytes', what: 'of one request',
    read: ({ perPurchase }) => perPurchase?.bytesIn },
  bytesOut: { unit: 'bytes', what: 'of one answer',
    read: ({ perPurchase }) => perPurchase?.bytesOut },
  redisConnectionsPerProcess: { unit: '', what: 'connections of a process to Redis',
    read: () => undefined, instead: () => 10, why: 'four, and one for each of six queues' },
};

export const figureNames = Object.keys(figures);

/** `ordersPerWriter` → `orders-per-writer`, as it stands on the command line. */
export const flagOf = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/**
 * @param {object} results bench/results/latest.json, or {} where there is none
 * @param {Record<string, number>} given replaces what was measured
 * @returns {Record<string, { value: number, unit: string, what: string, from: string }>}
 * @throws {Failure} that names every figure that is neither measured nor given
 */
export function readFigures(results, given) {
  const found = {};
  const values = {};
  for (const [name, { unit, what, ...figure }] of Object.entries(figures)) {
    const { value, from } = valueOf(name, figure, results, given, values);
    values[name] = value;
    found[name] = { value, unit, what, from };
  }
  // What others are taken for is enough to ask for.
  const missing = figureNames.filter((name) =>
    values[name] === undefined && !figures[name].instead);
  if (missing.length > 0) {
    throw new Failure(['these were not measured: run `npm run bench`, or give',
      ...missing.map((name) => `  --${flagOf(name)} N   ${found[name].what}`
        + `${found[name].unit && `, in ${found[name].unit}`}`)].join('\n'));
  }
  return found;
}

function valueOf(name, { read, instead, why }, results, given, values) {
  if (given[name] !== undefined) return { value: given[name], from: `given (--${flagOf(name)})` };
  const measured = read(results);
  if (Number.isFinite(measured) && measured > 0) {
    const day = results.date?.slice(0, 10) ?? 'on an unknown day';
    return { value: measured, from: `measured ${day}` };
  }
  return { value: instead?.(values), from: `ASSUMED: ${why}` };
}

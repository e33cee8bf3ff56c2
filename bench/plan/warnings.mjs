// What the reader of a plan must not overlook.
import { number, percent, seconds } from './words.mjs';

const redisClientsAtMost = 10_000;
const backlogBusy = 0.8;
const isSlotTooHot = ({ sale, size }) => size.slotWork >= sale.headroom;
const isLearningLong = ({ sale, size }) => size.knowingWork >= sale.headroom;
const writingSeconds = ({ sale, size }) => sale.units / size.ordersPerSecond;

/** Each with a sentence or two that say what to do. */
const cases = [
  { applies: isSlotTooHot,
    text: ({ sale, size }) => 'one sale is hotter than one Redis core: its own scripts ask for '
      + `${percent(size.slotWork)} of it. More servers do not help: its stock is one slot. At `
      + `${percent(sale.headroom)} it answers ${number(size.askedPerSaleAtMost)} buyers a second: `
      + 'refuse more from memory (throttles, protection.shedding), or sell the units as '
      + `${number(Math.ceil(size.slotWork * sale.sales / sale.headroom))} sales.` },
  { applies: isLearningLong,
    text: ({ sale, size }) => `once it is sold out, ${number(size.processes)} processes learn who `
      + `has bought (${number(sale.units / sale.sales)} reservations, read by one for all) and ask `
      + `whether it still is: ${seconds(size.knowingWork)} of one Redis core in that second. `
      + 'Meanwhile buyers wait or are told to come back. Fewer processes or several smaller sales '
      + 'shorten it.' },
  { applies: ({ minute: { end } }) => end.soldOutAtSeconds !== null && end.knownAtSeconds === null,
    text: () => 'in the opening minute memory does not learn that it is sold out: whoever comes '
      + 'late asks Redis.' },
  { applies: ({ size }) => size.apiUtilization > 1,
    text: ({ size }) => `${number(size.processes)} API processes are fewer than the opening second `
      + `keeps busy (${percent(size.apiUtilization)}): buyers are told to come back.` },
  { applies: (plan) => plan.size.redisUtilization > 1
      && !isSlotTooHot(plan) && !isLearningLong(plan),
    text: ({ size }) => 'the busiest Redis server has more to do in the opening second than it '
      + `can: ${percent(size.redisUtilization)}.` },
  { applies: ({ size }) => size.redisServers > 1,
    text: ({ size }) => `${number(size.redisServers)} Redis servers need Redis Cluster: see `
      + 'docs/operations.md for whether this version runs on it.' },
  { applies: ({ minute: { end } }) => end.shed + end.turnedAway > 0,
    text: ({ minute: { end } }) => `${number(end.shed + end.turnedAway)} answers of the opening `
      + 'minute are "come back later". Try other --processes, --redis-servers or --sales, and look '
      + 'at the picture.' },
  { applies: (plan) => writingSeconds(plan) > plan.sale.drainSeconds * 1.001,
    text: (plan) => `the orders take ${seconds(writingSeconds(plan))} to be written instead of `
      + `${seconds(plan.sale.drainSeconds)}: ${number(plan.size.ordersPerSecond)} a second.` },
  { applies: (plan) => writingSeconds(plan) > plan.sale.leaseSeconds,
    text: ({ sale }) => 'orders are written for longer than the lease of a reservation '
      + `(${seconds(sale.leaseSeconds)}): nothing is lost, but sweeps look at those that wait, and `
      + 'their buyers see "reserved" meanwhile.' },
  { applies: (plan) => writingSeconds(plan) > plan.sale.payWindowSeconds,
    text: ({ sale }) => 'orders are written for longer than the time to pay '
      + `(${seconds(sale.payWindowSeconds)}): buyers leave before they can.` },
  { applies: ({ sale, minute }) => minute.points.some(({ backlog }) =>
    backlog > backlogBusy * sale.backlogPerSale * sale.sales),
  text: ({ sale }) => 'reservations without an order come near BACKLOG_PER_SALE '
      + `(${number(sale.backlogPerSale)}), and buyers are sent away for it: it needs more writing, `
      + 'or a higher limit.' },
  { applies: ({ sale, size }) => size.inFlightPerProcess > sale.maxConnections,
    text: ({ size }) => `${number(size.inFlightPerProcess)} requests at a time in one process are `
      + 'above MAX_CONNECTIONS.' },
  { applies: ({ size }) => size.redisConnections > redisClientsAtMost,
    text: ({ size }) => `${number(size.redisConnections)} connections to Redis: raise maxclients `
      + `(${number(redisClientsAtMost)} by default).` },
  { applies: () => true,
    text: ({ size }) => `${number(size.databaseConnections)} connections to the database when `
      + 'every pool is full: set max_connections above it, or lower DATABASE_POOL.' },
  { applies: ({ figures }) => figures.bytesPerBuyer.value === 0,
    text: () => 'memory of Redis for throttle and risk is not counted: give --bytes-per-buyer.' },
];

/**
 * @param {{ sale: object, figures: object, size: object, minute: object }} plan
 * @returns {string[]} those that apply
 */
export function warnings(plan) {
  return cases.filter(({ applies }) => applies(plan)).map(({ text }) => text(plan));
}

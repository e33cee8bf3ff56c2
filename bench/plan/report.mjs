// What the planner says on the terminal.
import { warnings } from './warnings.mjs';
import { bits, bytes, number, percent, seconds } from './words.mjs';

/**
 * @param {{ sale: object, figures: object, size: object, minute: object, machine: string }} plan
 *   `machine`: the one that the figures were measured on
 * @returns {string} everything the reader orders machines by
 */
export function describePlan(plan) {
  const { sale, figures, size, minute, machine } = plan;
  return [section('The sale', saleLines(sale, size)),
    section(`To order, for cores that are used to ${percent(sale.headroom)} in the opening second`,
      [...machineLines(sale, size), ...trafficLines(sale, size)]),
    section('The opening minute on these machines, simulated', minuteLines(minute.end)),
    section(`What this rests on (${machine})`, Object.values(figures).map(
      ({ what, value, unit, from }) => [what, `${number(value)} ${unit}`.trim(), from])),
    warnings(plan).map((text) => `WARNING: ${text}`).join('\n')].join('\n\n');
}

function saleLines(sale, size) {
  return [
    ['at the opening', `${number(sale.qps)} requests/s`,
      `37 % of it after ${seconds(sale.decaySeconds)}`],
    ['on sale', `${number(sale.units)} units`,
      sale.sales === 1 ? 'as one sale' : `as ${number(sale.sales)} sales`],
    ['buyers', number(size.buyers), sale.buyers === undefined
      ? 'ASSUMED: each request of the minute is another one\'s (--buyers)' : ''],
    ['refused from memory', percent(sale.refusedInMemory), sale.refusedInMemory === 0
      ? 'ASSUMED: none; `npm run crowd` shows a share (--refused-in-memory)' : ''],
    ['come back after a 503', percent(sale.comeBack), sale.comeBack === 1
      ? 'ASSUMED: everybody, within 4 s, again and again (--come-back)' : 'within 4 s'],
  ];
}

function machineLines(sale, size) {
  const { application, redis, database } = size.machines;
  return [
    ['API processes', number(size.processes), `busy ${percent(size.apiUtilization)}`],
    ['worker processes', number(size.writers), `${number(size.ordersPerSecond)} orders/s: all in `
      + seconds(sale.units / size.ordersPerSecond)],
    ['Redis servers', number(size.redisServers), `the busiest ${percent(size.redisUtilization)}`],
    ['memory of Redis', bytes(size.redisBytes),
      'as much again while the append-only file is rewritten'],
    ['database cores', number(Math.ceil(size.databaseCores))],
    ['machines', number(application + redis + database), `of ${sale.cores} cores: ${application} `
      + `application, ${redis} Redis, ${database} database, without replicas and edge`],
    size.price === undefined
      ? ['money', `${number(size.machineHours)} machine hours`,
        'their price: --price-per-machine-hour']
      : ['money', number(size.price),
        `${number(size.machineHours)} machine hours of ${sale.pricePerMachineHour}`],
  ];
}

function trafficLines(sale, size) {
  return [
    ['bandwidth in', bits(size.bitsInPerSecond), 'between edge and API'],
    ['bandwidth out', bits(size.bitsOutPerSecond)],
    ['requests at a time', number(size.inFlight), `rate × ${seconds(sale.answerSeconds)}; `
      + `${number(size.inFlightPerProcess)} in a process (MAX_CONNECTIONS `
      + `${number(sale.maxConnections)})`],
    ['connections to Redis', number(size.redisConnections)],
    ['… to the database', number(size.databaseConnections), 'at most'],
    ['… to the edge', number(size.buyers), 'at most: every buyer keeps one'],
  ];
}

function minuteLines(end) {
  const share = (count) => `${percent(count / end.arrived)} of the requests`;
  return [
    ['requests', number(end.arrived), `${number(end.cameBack)} of them came back`],
    ['units held (202)', number(end.held), end.soldOutAtSeconds === null
      ? `${number(end.left)} left` : `sold out after ${seconds(end.soldOutAtSeconds)}`],
    ['sold out (409)', number(end.soldOut), `${share(end.soldOut)}${end.knownAtSeconds === null
      ? '' : `; from memory after ${seconds(end.knownAtSeconds)}`}`],
    ['from memory (403, 429)', number(end.refusedInMemory), share(end.refusedInMemory)],
    ['told to come back (503)', number(end.shed), share(end.shed)],
    ['no connection', number(end.turnedAway), share(end.turnedAway)],
    ['not answered yet', number(end.waiting + end.asking)],
    ['longest wait', seconds(end.longestWaitSeconds), 'in queues; the answer itself comes on top'],
    ['orders written', number(end.written), end.writtenAtSeconds !== null
      ? `the last one after ${seconds(end.writtenAtSeconds)}`
      : `${number(end.backlog)} held ones not yet, for another ${seconds(end.restSeconds)}`],
  ];
}

function section(title, lines) {
  const width = (column) => Math.max(...lines.map((line) => (line[column] ?? '').length));
  return [title, ...lines.map(([name, value, note = '']) =>
    `  ${name.padEnd(width(0))}  ${value.padStart(width(1))}  ${note}`.trimEnd())].join('\n');
}

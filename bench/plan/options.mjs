// What the planner is told: each a flag of `npm run plan -- --name value`.
import { parseArgs } from 'node:util';
import { Failure } from '../../tools/lib/console.mjs';
import { figureNames, flagOf } from './figures.mjs';

const positive = { least: Number.MIN_VALUE, most: 1e12 };
const count = { least: 1, most: 1e9, isWhole: true };
const share = { least: 0, most: 1 };

/** Without a default: has to be given, or is worked out when it is not. */
const numbers = {
  qps: { ...positive, most: 1e9, what: 'purchase requests a second at the opening' },
  units: { ...count, what: 'units on sale, one an order' },
  sales: { ...count, most: 1e4, default: 1, what: 'sales that open together and share both alike' },
  decaySeconds: { ...positive, most: 1e6, default: 20,
    what: 'time in which the requests a second fall to 37 %' },
  buyers: { ...count, what: 'people; not given, each request is another one\'s' },
  refusedInMemory: { ...share, default: 0,
    what: 'share of the requests that blacklist and throttle refuse without Redis' },
  comeBack: { ...share, default: 1, what: 'share of those told to come back who do' },
  headroom: { least: 0.05, most: 1, default: 0.6, what: 'share of a core to plan for' },
  cores: { ...count, most: 1024, default: 16, what: 'cores of one machine' },
  drainSeconds: { ...positive, default: 10, what: 'time in which all orders should be written' },
  answerSeconds: { ...positive, most: 60, default: 0.1, what: 'time an answer may take' },
  processes: { ...count, what: 'API processes you have, instead of those needed' },
  redisServers: { ...count, what: 'Redis servers you have, instead of those needed' },
  writers: { ...count, what: 'worker processes you have, instead of those needed' },
  maxConnections: { ...count, default: 10_000, what: 'MAX_CONNECTIONS' },
  databasePool: { ...count, default: 20, what: 'DATABASE_POOL' },
  backlogPerSale: { ...count, default: 100_000, what: 'BACKLOG_PER_SALE' },
  leaseSeconds: { ...positive, default: 10, what: 'RESERVATION_LEASE_SECONDS' },
  payWindowSeconds: { ...positive, default: 900, what: 'time to pay' },
  pricePerMachineHour: { least: 0, most: 1e12,
    what: 'price of one machine for an hour, in your currency' },
  hours: { ...positive, default: 1, what: 'how long the machines are kept' },
};

const files = {
  results: { what: 'what `npm run bench` measured (bench/results/latest.json)' },
  out: { default: '.data/plan', what: 'folder for plan.json and opening-minute.svg' },
};

/**
 * @param {string[]} args of the command line
 * @returns {{ sale: object, given: object, results?: string, out: string }} `sale`: every number
 *   above, undefined where it was not given; `given`: figures that replace measured ones
 * @throws {Failure} that names the flag and what it takes
 */
export function readOptions(args) {
  const values = parse(args);
  const missing = ['qps', 'units'].filter((name) => values[name] === undefined);
  if (missing.length > 0) {
    throw new Failure(`${missing.map((name) => `--${flagOf(name)}`).join(' and ')} must be given

${usage()}`);
  }
  const sale = Object.fromEntries(Object.entries(numbers).map(([name, rule]) =>
    [name, values[flagOf(name)] === undefined ? rule.default : numberOf(name, values, rule)]));
  if (sale.sales > sale.units) throw new Failure('--sales is more than --units');
  const given = Object.fromEntries(figureNames.filter((name) => values[flagOf(name)] !== undefined)
    .map((name) => [name, numberOf(name, values, positive)]));
  return { sale, given, results: values.results, out: values.out ?? files.out.default };
}

/** Every flag with what it means. */
export function usage() {
  const line = ([name, { default: standard, what }]) =>
    `  --${flagOf(name).padEnd(24)} ${what}${standard === undefined ? '' : ` (${standard})`}`;
  return ['usage: npm run plan -- --qps N --units N [flags]',
    ...Object.entries({ ...numbers, ...files }).map(line),
    'instead of a measured figure:',
    ...figureNames.map((name) => `  --${flagOf(name)}`)].join('\n');
}

function parse(args) {
  const names = [...Object.keys(numbers), ...Object.keys(files), ...figureNames].map(flagOf);
  try {
    return parseArgs({ args,
      options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) }).values;
  } catch (error) {
    throw new Failure(`${error.message}\n\n${usage()}`);
  }
}

function numberOf(name, values, { least, most, isWhole = false }) {
  const text = values[flagOf(name)];
  // Number() takes '', '0x10' and ' 5 ' as well, which nobody means.
  const value = /^\d[\d_]*(\.\d+)?(e\d+)?$/.test(text) ? Number(text.replaceAll('_', '')) : NaN;
  if (value >= least && value <= most && (!isWhole || Number.isInteger(value))) return value;
  const kind = isWhole ? 'a whole number' : 'a number';
  const range = least === Number.MIN_VALUE
    ? `above 0, at most ${most}` : `from ${least} to ${most}`;
  throw new Failure(`--${flagOf(name)} takes ${kind} ${range}, not "${text}"`);
}

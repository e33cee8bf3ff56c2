// Rows of figures: medians over the rounds, shares of what they were measured beside.
import { median } from './statistics.mjs';

const parts = { api: 'API', worker: 'worker', redis: 'Redis', database: 'MariaDB',
  generator: 'generator' };

/** One scenario over all rounds; `beside` is what its shares are of, in the same rounds. */
export function rowOf(name, runs, beside, shareName = 'share of plain') {
  return { name, 'per second': Math.round(median(runs.map(({ perSecond }) => perSecond))),
    ...sharesOf(runs, beside, shareName), ...latencyOf(runs.map(({ latencyMs }) => latencyMs)),
    ...costOf(runs), 'API MB': Math.round(median(runs.map(({ megabytes }) => megabytes))) };
}

/**
 * Shares by requests a second, with the least and the greatest of the rounds; and by the CPU time
 * of the API process, which leaves out what shares the machine's cores with it.
 */
function sharesOf(runs, beside, shareName) {
  const shares = runs.map(({ perSecond }, round) => perSecond / beside[round].perSecond);
  const byCpu = runs.map(({ cpuSeconds }, round) =>
    beside[round].cpuSeconds.api / cpuSeconds.api);
  return { [shareName]: median(shares).toFixed(2), 'from': Math.min(...shares).toFixed(2),
    'to': Math.max(...shares).toFixed(2), 'share by API CPU': median(byCpu).toFixed(2) };
}

/** `what` they are latencies of, where a row has several. */
export function latencyOf(runs, what = '') {
  const of = (key) => Number(median(runs.map((latency) => latency[key])).toFixed(1));
  return { [`${what}p50 ms`]: of('p50'), [`${what}p99 ms`]: of('p99'),
    [`${what}p99.9 ms`]: of('p999') };
}

/** CPU seconds for a thousand requests, of each part apart; plain Fastify has but one. */
export function costOf(runs) {
  return Object.fromEntries(Object.entries(parts).map(([part, name]) => [`CPU s/1,000 ${name}`,
    part in runs[0].cpuSeconds
      ? Number(median(runs.map(({ cpuSeconds }) => cpuSeconds[part])).toFixed(3)) : '']));
}

/** A table as Markdown; a row's `name` is its first column. */
export function markdownOf(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const text = (value) => (typeof value === 'number' ? value.toLocaleString('en') : value ?? '');
  return [line(columns.map((column) => (column === 'name' ? '' : column))),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map((column) => text(row[column]))))].join('\n');
}

/** The same on the terminal. */
export function print(title, rows) {
  console.log(`\n${title}`);
  console.table(Object.fromEntries(rows.map(({ name, ...columns }) => [name, columns])));
}

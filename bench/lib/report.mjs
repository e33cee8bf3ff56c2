// What a run leaves behind: tables on the terminal, and files under bench/results/.
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { barChart, lineChart, pageOf } from './chart.mjs';
import { root } from './product.mjs';
import { markdownOf, print } from './table.mjs';
import { targetsReached } from './targets.mjs';

const digits = 6;
const durability = 'appendfsync everysec, innodb_flush_log_at_trx_commit=1';

const machine = () => ({ date: new Date().toISOString(), node: process.version,
  cpu: cpus()[0]?.model, cores: cpus().length, memoryGigabytes: Math.round(totalmem() / 2 ** 30),
  durability });

/** A share in words; of one that is not known, too. */
export const percentOf = (share) => (Number.isNaN(share) ? 'an unknown part'
  : `${Math.round(share * 100)} %`);

/** Prints a family's table. */
export function show({ title }, { rows }) {
  print(title, rows);
}

/** One family alone, in a file of its own, and a picture where it has one. */
export function writeFamily(name, sizes, { charts, ...result }) {
  write(`${name}.json`, jsonOf({ ...machine(), ...sizes, ...result }));
  if (charts) write(`${name}.svg`, pageOf(charts.map(({ title, bars }) => barChart(title, bars))));
}

/** All of them: figures, tables, and a picture of the two that say most. */
export function writeAll(families, sizes, results) {
  const { paths, openLoop, drain, durability: durabilitySchemes, ...others } = results;
  const { rows = [], runs, ...said } = paths;
  const about = machine();
  const targets = targetsReached(results);
  print('Targets', targets);
  write('latest.json', jsonOf({ ...about, ...sizes, targets, rows, ...said,
    rowsPerSecondFromBacklog: drain?.rows?.[0]['orders per second'] ?? null,
    openLoop, drain, durabilitySchemes, ...others, raw: { runs } }));
  write('latest.svg', pageOf([
    ...(rows.length > 0 ? [pathChart(rows)] : []),
    ...(openLoop?.rows ? [latencyChart(openLoop.rows)] : [])]));
  const tables = Object.entries(results).map(([name, { rows: table, failed, stolenShare }]) =>
    `## ${families[name].title}\n${failed ?? markdownOf(table)}\n
While it ran, the machine's host took ${percentOf(stolenShare)} of the CPU time.\n`);
  write('latest.md', `# One run of \`npm run bench\`
${about.date} · ${about.cpu}, ${about.cores} cores, ${about.memoryGigabytes} GB, shared by load
generator, API, worker, Redis and MariaDB · Node ${about.node} · ${durability} · medians of
${sizes.rounds} rounds. How to read it: [the benchmark](../README.md).

![Shares of plain Fastify, and latencies at fixed rates](latest.svg)

## What we want to reach
${markdownOf(targets)}

${tables.join('\n')}`);
}

function pathChart(rows) {
  return barChart('Requests a second; share of plain Fastify in the same run', rows.map((row) =>
    ({ label: row.name, value: row['per second'],
      text: `${row['per second'].toLocaleString('en')} · ${row['share of plain']}` })));
}

function latencyChart(rows) {
  const open = rows.filter((row) => row['share of capacity']);
  const lineOf = (name, column) =>
    ({ name, points: open.map((row) => [row['share of capacity'] * 100, row[column]]) });
  return lineChart('Accepted purchases at a fixed rate, funnel on: latency from the intended start',
    { x: '% of the closed-loop capacity', y: 'ms' },
    [lineOf('p50', 'p50 ms'), lineOf('p99', 'p99 ms'), lineOf('p99.9', 'p99.9 ms')]);
}

/** Without digits that no clock can tell. */
function jsonOf(value) {
  return `${JSON.stringify(value, (_key, each) =>
    (typeof each === 'number' ? Number(each.toPrecision(digits)) : each), 2)}\n`;
}

function write(name, text) {
  writeFileSync(join(root, 'bench/results', name), text);
  console.error(`bench/results/${name} written`);
}

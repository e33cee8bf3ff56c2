#!/usr/bin/env node
/**
 * `npm run bench [-- --rounds 3 --requests 16000 --backlog 40000]`: purchases with the funnel off
 * and on, and floods that it refuses, beside a plain Fastify route in the same run, alternating
 * over several rounds; and how fast a backlog becomes rows in MariaDB (`--backlog 0` leaves that
 * out). Prints a table and writes bench/results/latest.json.
 * `npm run bench -- --durability` compares the schemes of DURABILITY instead, in
 * bench/results/durability.json; `--strategies` the ways in which a sale gives its units away, in
 * bench/results/strategies.json; `--edge` what nginx takes away from the product, in
 * bench/results/edge.json.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { drainBacklog } from './backlog.mjs';
import { compareSchemes, median } from './durability.mjs';
import { measureEdge } from './edge.mjs';
import { floods, startWithFunnel, startWithoutFunnel } from './funnel.mjs';
import { buyers, connections, purchase } from './load.mjs';
import { secret, startProgram } from './product.mjs';
import { compareStrategies } from './strategies.mjs';

const { values } = parseArgs({ options: {
  rounds: { type: 'string', default: '3' },
  requests: { type: 'string', default: '16000' },
  backlog: { type: 'string', default: '40000' },
  durability: { type: 'boolean', default: false },
  strategies: { type: 'boolean', default: false },
  edge: { type: 'boolean', default: false },
} });
const rounds = Number(values.rounds);
const [requests, backlog] = [values.requests, values.backlog].map((text) =>
  Math.ceil(Number(text) / connections) * connections);

const scenarios = {
  plain: 'plain Fastify route',
  off: 'accepted (202), funnel off',
  on: 'accepted (202), funnel on',
  soldOutOff: 'sold out (409), funnel off',
  soldOutOn: 'sold out (409), funnel on',
  blacklisted: 'flood of a blacklisted user (403)',
  throttled: 'flood of a throttled user (429)',
};
const runs = [];
const persisted = [];
if (values.durability) await compareSchemes(rounds, requests);
else if (values.strategies) await compareStrategies(rounds, requests);
else if (values.edge) await measureEdge();
else await compareFunnel();

async function compareFunnel() {
  const plain = await startProgram('bench/plain-fastify.mjs', process.env);
  try {
    await withProducts(async (off, on) => {
      // Compiled by then, and not part of the figures.
      await measure(plain, off, on, 'warm-up', Math.min(requests, 8_000));
      for (let round = 0; round < rounds; round += 1) {
        runs.push(await measure(plain, off, on, `round-${round}`, requests));
        say(`round ${round + 1} of ${rounds} done`);
      }
    });
  } finally {
    await plain.stop();
  }
  for (let round = 0; backlog > 0 && round < rounds; round += 1) {
    persisted.push(await drainBacklog(backlog));
    say(`backlog ${round + 1} of ${rounds} drained`);
  }
  report();
}

async function withProducts(work) {
  const off = await startWithoutFunnel();
  try {
    const on = await startWithFunnel();
    await work(off, on).finally(() => on.stop());
  } finally {
    await off.stop();
  }
}

/** Everything once, so that what else the machine does meets all of it alike. */
async function measure(plain, off, on, name, count) {
  const ceiling = await purchase(plain, 'constant', buyers(secret, count, name));
  const without = await off.sell(name, count);
  const within = await on.sell(name, count);
  return { plain: ceiling, off: without.accepted, on: within.accepted,
    soldOutOff: without.soldOut, soldOutOn: within.soldOut, ...await floods(on, name, count) };
}

function report() {
  const rows = Object.entries(scenarios).map(([scenario, name]) => {
    const shares = runs.map((run) => run[scenario].perSecond / run.plain.perSecond);
    return { name,
      'per second': Math.round(median(runs.map((run) => run[scenario].perSecond))),
      'share of plain': median(shares).toFixed(2), 'from': Math.min(...shares).toFixed(2),
      'to': Math.max(...shares).toFixed(2),
      'CPU µs': Math.round(median(runs.map((run) => run[scenario].cpuMicroseconds))),
      'p50 ms': median(runs.map((run) => run[scenario].latencyMs.p50)),
      'p99 ms': median(runs.map((run) => run[scenario].latencyMs.p99)) };
  });
  console.table(Object.fromEntries(rows.map(({ name, ...columns }) => [name, columns])));
  const funnelShare = median(runs.map(({ on, off }) => on.perSecond / off.perSecond)).toFixed(2);
  const whileAccepting = Math.round(median(runs.map(({ on }) => on.rowsPerSecond)));
  const drained = Math.round(median(persisted));
  console.log(`funnel on to funnel off, accepted: ${funnelShare}`);
  console.log(`orders a second from click to committed row, while accepting: ${whileAccepting}`);
  if (backlog > 0) console.log(`orders a second into MariaDB, backlog of ${backlog}: ${drained}`);
  const result = { date: new Date().toISOString(), node: process.version, cpu: cpus()[0]?.model,
    cores: cpus().length, rounds, requests, backlog, connections,
    durability: 'appendfsync everysec, innodb_flush_log_at_trx_commit=1', rows, funnelShare,
    rowsPerSecondWhileAccepting: whileAccepting, rowsPerSecondFromBacklog: drained,
    raw: { runs, persisted } };
  writeFileSync(join(import.meta.dirname, 'results/latest.json'),
    `${JSON.stringify(result, null, 2)}\n`);
}

function say(text) {
  console.error(text);
}

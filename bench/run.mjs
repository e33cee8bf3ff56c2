#!/usr/bin/env node
/**
 * `npm run bench`: accepted and sold-out purchases a second beside a plain Fastify route in the same
 * run, alternating over several rounds, and how fast a backlog becomes rows in MariaDB.
 * Prints a table and writes bench/results/latest.json.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { buyers, purchase } from './load.mjs';
import { openSale, rowsWritten, secret, startProduct, startProgram, startServers } from './product.mjs';

const rounds = 3;
const requests = 16_000;
const backlog = 40_000;

const servers = await startServers();
const plain = await startProgram('bench/plain-fastify.mjs', process.env);
const figures = { plain: [], accepted: [], soldOut: [] };
const persist = [];
try {
  const product = await startProduct(servers.environment, 'api,worker');
  const warmUp = await openSale(product.url, requests);
  await purchase(product.url, warmUp, buyers(secret, requests / 2, 'warm-up'));
  for (let round = 0; round < rounds; round += 1) {
    const crowd = buyers(secret, requests, `round-${round}`);
    figures.plain.push(await purchase(plain.url, 'constant', crowd));
    const open = await openSale(product.url, requests);
    const startedAt = performance.now();
    const accepted = await purchase(product.url, open, crowd);
    expectOnly(accepted, '202');
    await rowsWritten(servers.database, open, accepted.requests);
    accepted.rowsPerSecond = accepted.requests / ((performance.now() - startedAt) / 1_000);
    figures.accepted.push(accepted);
    const soldOut = await purchase(product.url, open, buyers(secret, requests, `late-${round}`));
    expectOnly(soldOut, '409');
    figures.soldOut.push(soldOut);
    say(`round ${round + 1} of ${rounds} done`);
  }
  await product.stop();
  for (let round = 0; round < rounds; round += 1) persist.push(await drainBacklog(round));
} finally {
  await plain.stop();
  await servers.stop();
}
report();

/** Reservations pile up while no worker runs; then one worker process writes them all. */
async function drainBacklog(round) {
  const api = await startProduct(servers.environment, 'api');
  const saleId = await openSale(api.url, backlog);
  const { requests: held } = await purchase(api.url, saleId,
    buyers(secret, backlog, `backlog-${round}`));
  await api.stop();
  const worker = await startProduct(servers.environment, 'worker');
  const first = await rowsWritten(servers.database, saleId, 1);
  const rest = await rowsWritten(servers.database, saleId, held);
  await worker.stop();
  say(`backlog ${round + 1} of ${rounds}: first row after ${Math.round(first)} ms`);
  return held / (rest / 1_000);
}

function expectOnly({ statuses }, status) {
  const others = Object.keys(statuses).filter((other) => other !== status);
  if (others.length > 0) throw new Error(`answers beside ${status}: ${JSON.stringify(statuses)}`);
}

function report() {
  const ceiling = median(figures.plain.map(({ perSecond }) => perSecond));
  const rows = Object.entries({ 'plain Fastify route': figures.plain,
    'accepted purchases (202)': figures.accepted, 'sold out (409)': figures.soldOut })
    .map(([name, runs]) => ({ name,
      'per second': Math.round(median(runs.map(({ perSecond }) => perSecond))),
      'share of plain': (median(runs.map(({ perSecond }) => perSecond)) / ceiling).toFixed(2),
      'p50 ms': median(runs.map(({ latencyMs }) => latencyMs.p50)),
      'p99 ms': median(runs.map(({ latencyMs }) => latencyMs.p99)) }));
  console.table(Object.fromEntries(rows.map(({ name, ...columns }) => [name, columns])));
  const whileAccepting = Math.round(median(figures.accepted.map((run) => run.rowsPerSecond)));
  const drained = Math.round(median(persist));
  console.log(`orders a second from click to committed row, while accepting: ${whileAccepting}`);
  console.log(`orders a second into MariaDB from a backlog of ${backlog}: ${drained}`);
  const result = { date: new Date().toISOString(), node: process.version, cpu: cpus()[0]?.model,
    cores: cpus().length, rounds, requests, connections: 64,
    durability: 'appendfsync everysec, innodb_flush_log_at_trx_commit=1', rows,
    rowsPerSecondWhileAccepting: whileAccepting, rowsPerSecondFromBacklog: drained,
    raw: { ...figures, persist } };
  writeFileSync(join(import.meta.dirname, 'results/latest.json'),
    `${JSON.stringify(result, null, 2)}\n`);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function say(text) {
  console.error(text);
}

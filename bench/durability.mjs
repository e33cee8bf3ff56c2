// Each scheme of DURABILITY on servers of its own, beside each other and measured in turn.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { expectOnly, funnelOff } from './funnel.mjs';
import { buyers, connections, purchase } from './load.mjs';
import { openSale, rowsWritten, secret, startProduct, startServers } from './product.mjs';

const schemes = {
  everysec: { servers: {}, status: '202' },
  always: { servers: { appendfsync: 'always' }, status: '202' },
  replica: { servers: { replicas: 1 }, status: '202' },
  commit: { servers: {}, status: '201' },
};

/** Prints a table with ratios to everysec and writes bench/results/durability.json. */
export async function compareSchemes(rounds, requests) {
  const installations = [];
  const runs = [];
  try {
    for (const name of Object.keys(schemes)) installations.push(await startScheme(name));
    // Compiled by then, and not part of the figures.
    await measureAll(installations, 'warm-up', Math.min(requests, 2_048));
    for (let round = 0; round < rounds; round += 1) {
      const figures = await measureAll(installations, `round-${round}`, requests);
      runs.push(figures);
      console.error(`round ${round + 1} of ${rounds} done:`, Object.entries(figures)
        .map(([name, { perSecond }]) => `${name} ${Math.round(perSecond)}/s`).join(', '));
    }
  } finally {
    for (const { stop } of installations) await stop();
  }
  report(runs, { rounds, requests });
}

async function startScheme(name) {
  const servers = await startServers(schemes[name].servers);
  const environment = { ...servers.environment, ...funnelOff, DURABILITY: name };
  const product = await startProduct(environment, 'api,worker').catch(async (error) => {
    await servers.stop();
    throw error;
  });
  await untilReady(product);
  return { name, product, database: servers.database, async stop() {
    await product.stop();
    await servers.stop();
  } };
}

async function measureAll(installations, round, count) {
  const figures = {};
  for (const { name, product, database } of installations) {
    const saleId = await openSale(product, count);
    figures[name] = await purchase(product, saleId, buyers(secret, count, `${round}-${name}`));
    expectOnly(figures[name], schemes[name].status);
    await rowsWritten(database, saleId, count);
  }
  return figures;
}

/** A replica may still fetch its first copy. */
async function untilReady({ url }) {
  while (!(await fetch(`${url}/health/ready`)).ok) {
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}

function report(runs, { rounds, requests }) {
  const rows = Object.keys(schemes).map((scheme) => {
    const ratios = (valueOf) => runs.map((run) => valueOf(run[scheme]) / valueOf(run.everysec));
    const speed = ratios(({ perSecond }) => perSecond);
    return { scheme,
      'accepted per second': Math.round(median(runs.map((run) => run[scheme].perSecond))),
      'share of everysec': median(speed).toFixed(2),
      'from': Math.min(...speed).toFixed(2), 'to': Math.max(...speed).toFixed(2),
      'CPU µs': Math.round(median(runs.map((run) => run[scheme].cpuMicroseconds))),
      'p50 ms': median(runs.map((run) => run[scheme].latencyMs.p50)),
      'p50 to everysec': median(ratios(({ latencyMs }) => latencyMs.p50)).toFixed(2),
      'p99 ms': median(runs.map((run) => run[scheme].latencyMs.p99)),
      'p99 to everysec': median(ratios(({ latencyMs }) => latencyMs.p99)).toFixed(2) };
  });
  console.table(Object.fromEntries(rows.map(({ scheme, ...columns }) => [scheme, columns])));
  writeFileSync(join(import.meta.dirname, 'results/durability.json'), `${JSON.stringify({
    date: new Date().toISOString(), node: process.version, cpu: cpus()[0]?.model,
    cores: cpus().length, rounds, requests, connections, rows, runs }, null, 2)}\n`);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

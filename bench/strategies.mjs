// Every way in which a sale gives its units away, and database mode, measured in turn.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { median } from './durability.mjs';
import { funnelOff } from './funnel.mjs';
import { buyers, connections, purchase } from './load.mjs';
import { openSale, rowsWritten, secret, startProduct, startServers } from './product.mjs';

const strategies = ['lua', 'tokens', 'database-row-lock', 'database-unit-rows',
  'database-optimistic', 'segment-lock'];
const databaseMode = 'lua, Redis gone';
const warmUpRequests = 1_024;

/** Prints a table with ratios to lua and writes bench/results/strategies.json. */
export async function compareStrategies(rounds, requests) {
  const runs = [];
  const beside = await startInstallation({});
  try {
    const counts = [Math.min(requests, warmUpRequests), ...Array(rounds).fill(requests)];
    const withoutRedis = await startWithoutRedis(counts);
    try {
      for (const [round, count] of counts.entries()) {
        const figures = await measureAll(beside, withoutRedis, `round-${round}`, count);
        // The first has compiled everything, and is not part of the figures.
        if (round > 0) runs.push(figures);
        console.error(`round ${round} of ${rounds} done:`, Object.entries(figures)
          .map(([name, { accepted }]) => `${name} ${Math.round(accepted.perSecond)}/s`).join(', '));
      }
    } finally {
      await withoutRedis.stop();
    }
  } finally {
    await beside.stop();
  }
  report(runs, { rounds, requests });
}

async function startInstallation(settings) {
  const servers = await startServers();
  const environment = { ...servers.environment, ...funnelOff, ...settings };
  const product = await startProduct(environment, 'api,worker').catch(async (error) => {
    await servers.stop();
    throw error;
  });
  return { product, servers, async stop() {
    await product.stop();
    await servers.stop();
  } };
}

/** An installation that has a sale for each round, and then loses its Redis for good. */
async function startWithoutRedis(counts) {
  const installation = await startInstallation({ REDIS_OUTAGE_SECONDS: '1' });
  const { product, servers } = installation;
  const saleIds = [];
  for (const count of counts) {
    saleIds.push(await openSale(product, count, { redisOutage: 'database' }));
  }
  await servers.stopRedis();
  for (let left = 1; left > 0;) {
    [[{ left }]] = await servers.database.query(
      'SELECT COUNT(*) AS `left` FROM sale_stock WHERE gate = \'redis\'');
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  return { ...installation, saleIds };
}

async function measureAll({ product, servers }, withoutRedis, round, count) {
  const figures = {};
  for (const strategy of strategies) {
    const saleId = await openSale(product, count, { strategy });
    figures[strategy] = await measure(product, servers, saleId, `${round}-${strategy}`, count);
  }
  figures[databaseMode] = await measure(withoutRedis.product, withoutRedis.servers,
    withoutRedis.saleIds.shift(), `${round}-gone`, count);
  return figures;
}

/**
 * A purchase by every buyer, and then, when all is sold, by as many who come too late. Some schemes
 * tell buyers to come back, who are then counted as not served.
 */
async function measure(product, { database }, saleId, name, count) {
  const accepted = await buy(product, saleId, `early-${name}`, count, '202');
  let sold = accepted.statuses[202] ?? 0;
  for (let more = 0; sold < count; more += 1) {
    const rest = await buy(product, saleId, `more-${more}-${name}`, connections, '202');
    sold += rest.statuses[202] ?? 0;
  }
  await rowsWritten(database, saleId, count);
  return { accepted, soldOut: await buy(product, saleId, `late-${name}`, count, '409') };
}

/** `perSecond` counts the answers with this status. */
async function buy(product, saleId, name, count, status) {
  const figures = await purchase(product, saleId, buyers(secret, count, name));
  expectAnswers(figures.statuses);
  const share = (figures.statuses[status] ?? 0) / count;
  return { ...figures, share, perSecond: figures.perSecond * share };
}

function expectAnswers(statuses) {
  if (Object.keys(statuses).some((status) => !['202', '409', '503'].includes(status))) {
    throw new Error(`other answers than expected: ${JSON.stringify(statuses)}`);
  }
}

function report(runs, { rounds, requests }) {
  const rows = [...strategies, databaseMode].map((strategy) => {
    const of = (valueOf) => median(runs.map((run) => valueOf(run[strategy])));
    const shares = runs.map((run) => run[strategy].accepted.perSecond / run.lua.accepted.perSecond);
    return { strategy,
      'accepted per second': Math.round(of(({ accepted }) => accepted.perSecond)),
      'share of lua': median(shares).toFixed(2),
      'from': Math.min(...shares).toFixed(2), 'to': Math.max(...shares).toFixed(2),
      'told to come back': (1 - of(({ accepted }) => accepted.share)).toFixed(2),
      'p50 ms': of(({ accepted }) => accepted.latencyMs.p50),
      'p99 ms': of(({ accepted }) => accepted.latencyMs.p99),
      'sold out per second': Math.round(of(({ soldOut }) => soldOut.perSecond)) };
  });
  console.table(Object.fromEntries(rows.map(({ strategy, ...columns }) => [strategy, columns])));
  writeFileSync(join(import.meta.dirname, 'results/strategies.json'), `${JSON.stringify({
    date: new Date().toISOString(), node: process.version, cpu: cpus()[0]?.model,
    cores: cpus().length, rounds, requests, connections, rows, runs }, null, 2)}\n`);
}

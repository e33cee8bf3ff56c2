// Every way in which a sale gives its units away, and database mode, measured in turn.
import { setTimeout as sleep } from 'node:timers/promises';
import { connections, expectOnly, measure } from '../lib/load.mjs';
import { funnelOff, openSale, startSite } from '../lib/product.mjs';
import { buyers, purchaseOf } from '../lib/requests.mjs';
import { overRounds } from '../lib/rounds.mjs';
import { rowsWritten } from '../lib/rows.mjs';
import { median } from '../lib/statistics.mjs';
import { rowOf } from '../lib/table.mjs';

const strategies = ['lua', 'tokens', 'database-row-lock', 'database-unit-rows',
  'database-optimistic', 'segment-lock'];
const databaseMode = 'lua, Redis gone';
const warmUpRequests = 1_024;

/** Accepted purchases, funnel off; shares are of `lua` in the same round. */
export async function compareStrategies({ generator, say }, { rounds, requests }) {
  await using started = new AsyncDisposableStack();
  const counts = [Math.min(requests, warmUpRequests), ...Array(rounds).fill(requests)];
  const beside = await startInstallation(started, {});
  const withoutRedis = await startWithoutRedis(started, counts);
  const runs = await overRounds({ say, name: 'strategies', rounds }, async (round) => {
    const count = counts[round];
    const run = {};
    for (const strategy of strategies) {
      const saleId = await openSale(beside.api, count, { strategy });
      run[strategy] = await sellOut(generator, beside, saleId, `${round}-${strategy}`, count);
    }
    run[databaseMode] = await sellOut(generator, withoutRedis, withoutRedis.saleIds.shift(),
      `${round}-gone`, count);
    return run;
  });
  return { rows: [...strategies, databaseMode].map((strategy) => {
    const of = (valueOf) => median(runs.map((run) => valueOf(run[strategy])));
    return { ...rowOf(strategy, runs.map((run) => run[strategy].accepted),
      runs.map((run) => run.lua.accepted), 'share of lua'),
    'told to come back': (1 - of(({ accepted }) => accepted.share)).toFixed(2),
    'sold out per second': Math.round(of(({ soldOut }) => soldOut.perSecond)) };
  }), runs };
}

async function startInstallation(started, settings) {
  const site = await startSite({}, { ...funnelOff, ...settings });
  started.defer(() => site.stop());
  const api = await site.startApi();
  started.defer(() => api.stop());
  return { site, api };
}

/** An installation that has a sale for each round, and then loses its Redis for good. */
async function startWithoutRedis(started, counts) {
  const { site, api } = await startInstallation(started, { REDIS_OUTAGE_SECONDS: '1' });
  const saleIds = [];
  for (const count of counts) {
    saleIds.push(await openSale(api, count, { redisOutage: 'database' }));
  }
  await site.servers.stopRedis();
  for (let left = 1; left > 0;) {
    [[{ left }]] = await site.database.query(
      'SELECT COUNT(*) AS `left` FROM sale_stock WHERE gate = \'redis\'');
    await sleep(100);
  }
  return { site, api, saleIds };
}

/**
 * A purchase by every buyer, and then, when all is sold, by as many who come too late. Some schemes
 * tell buyers to come back, who are then counted as not served.
 */
async function sellOut(generator, { site, api }, saleId, name, count) {
  let sold = 0;
  const settled = ({ statuses }) => {
    sold += statuses.filter((status) => status === 202).length;
    return rowsWritten(site.database, saleId, sold);
  };
  const buy = (crowd, size, status) => purchase(generator, api,
    buyers(size, `${crowd}-${name}`).map((buyer) => purchaseOf(buyer, saleId)), status, settled);
  const accepted = await buy('early', count, '202');
  for (let more = 0; sold < count; more += 1) await buy(`more-${more}`, connections, '202');
  return { accepted, soldOut: await buy('late', count, '409') };
}

/** `perSecond` counts the answers with this status. */
async function purchase(generator, api, requests, status, settled) {
  const figures = await measure(generator, api, requests, { settled });
  expectOnly(figures, '202', '409', '503');
  const share = (figures.statuses[status] ?? 0) / requests.length;
  return { ...figures, share, perSecond: figures.perSecond * share };
}

// Purchases at fixed rates, the whole funnel on: latencies from the moment a buyer meant to click,
// and from there to the row in the database. A closed loop cannot show them: it asks a slow server
// less.
import { connections, expectOnly, measure, withSaleTokens } from '../lib/load.mjs';
import { openSale } from '../lib/product.mjs';
import { buyers, purchaseOf } from '../lib/requests.mjs';
import { watchRows } from '../lib/rows.mjs';
import { guarded } from '../lib/selling.mjs';
import { evenArrivals, median } from '../lib/statistics.mjs';
import { costOf, latencyOf } from '../lib/table.mjs';

const shares = [0.3, 0.5, 0.7, 0.9];
/** What the issue asks of click to row; of a machine that can do it. */
const ordersPerSecond = 5_000;

export async function measureOpenLoop(ground, { rounds, requests, seconds }) {
  await using program = await ground.startApi({});
  await buy(ground, program, { name: 'open-warm-up', count: Math.min(requests, 4_096) });
  const runs = [];
  for (let round = 1; round <= rounds; round += 1) {
    const closed = await buy(ground, program, { name: `open-${round}-closed`, count: requests });
    const run = { closed, open: {} };
    for (const share of shares) {
      run.open[share] = await buyAt(ground, program, { name: `open-${round}-${share}`,
        perSecond: share * closed.perSecond, seconds });
    }
    runs.push(run);
    ground.say(`open loop: round ${round} of ${rounds} at ${Math.round(closed.perSecond)}/s`);
  }
  const atRate = await buyAt(ground, program,
    { name: 'open-at-rate', perSecond: ordersPerSecond, seconds });
  const rows = [
    rowOf(`closed loop, ${connections} connections`, runs.map(({ closed }) => closed)),
    ...shares.map((share) => rowOf(`open loop at ${Math.round(share * 100)} % of that`,
      runs.map(({ open }) => open[share]), share)),
    rowOf(`open loop at ${ordersPerSecond} a second`, [atRate]),
  ];
  return { rows, runs, atRate };
}

const buyAt = (ground, program, { name, perSecond, seconds }) => {
  const count = Math.ceil(perSecond * seconds);
  return buy(ground, program, { name, count, arrivals: evenArrivals(count, perSecond), perSecond });
};

async function buy({ generator, database }, program, { name, count, arrivals, perSecond }) {
  const saleId = await openSale(program, count, { protection: guarded });
  const crowd = await withSaleTokens(generator, program, saleId, buyers(count, name));
  const watch = watchRows(database, saleId);
  let rowMs;
  const figures = await measure(generator, program,
    crowd.map((buyer) => purchaseOf(buyer, saleId)), { arrivals, keepBodies: true,
      settled: async (record) => { rowMs = await watch.clickToRow(record); } });
  expectOnly(figures, '202');
  return { ...figures, wantedPerSecond: perSecond, rowMs };
}

function rowOf(name, runs, share) {
  const of = (key) => Math.round(median(runs.map((run) => run[key])));
  return { name, 'share of capacity': share ?? '',
    'wanted per second': runs[0].wantedPerSecond === undefined ? '' : of('wantedPerSecond'),
    'per second': of('perSecond'), ...latencyOf(runs.map(({ latencyMs }) => latencyMs)),
    ...latencyOf(runs.map(({ rowMs }) => rowMs), 'to row '), ...costOf(runs) };
}

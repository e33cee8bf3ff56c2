// Each scheme of DURABILITY on servers of its own, beside each other and measured in turn.
import { expectOnly, measure } from '../lib/load.mjs';
import { funnelOff, openSale, startSite } from '../lib/product.mjs';
import { buyers, purchaseOf } from '../lib/requests.mjs';
import { overRounds } from '../lib/rounds.mjs';
import { rowsWritten } from '../lib/rows.mjs';
import { rowOf } from '../lib/table.mjs';

const schemes = {
  everysec: { servers: {}, status: '202' },
  always: { servers: { appendfsync: 'always' }, status: '202' },
  replica: { servers: { replicas: 1 }, status: '202' },
  commit: { servers: {}, status: '201' },
};

/** Accepted purchases, funnel off; shares are of everysec in the same round. */
export async function compareSchemes({ generator, say }, { rounds, requests }) {
  await using started = new AsyncDisposableStack();
  const installations = {};
  for (const [name, { servers }] of Object.entries(schemes)) {
    const site = await startSite(servers, { ...funnelOff, DURABILITY: name });
    started.defer(() => site.stop());
    installations[name] = { site, api: await site.startApi() };
    started.defer(() => installations[name].api.stop());
  }
  const runs = await overRounds({ say, name: 'durability', rounds }, async (round) => {
    const run = {};
    for (const [name, { site, api }] of Object.entries(installations)) {
      run[name] = await buy(generator, { site, api }, { name: `round-${round}-${name}`,
        count: round === 0 ? Math.min(requests, 2_048) : requests, status: schemes[name].status });
    }
    return run;
  });
  return { rows: Object.keys(schemes).map((name) => rowOf(name, runs.map((run) => run[name]),
    runs.map((run) => run.everysec), 'share of everysec')), runs };
}

async function buy(generator, { site, api }, { name, count, status }) {
  const saleId = await openSale(api, count);
  const figures = await measure(generator, api,
    buyers(count, name).map((buyer) => purchaseOf(buyer, saleId)),
    { settled: () => rowsWritten(site.database, saleId, count) });
  expectOnly(figures, status);
  return figures;
}

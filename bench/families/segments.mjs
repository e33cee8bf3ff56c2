// One sale whose stock lies in segments, over more and more nodes of a Redis Cluster: what a purchase
// costs the busiest of them.
import { expectOnly, measure } from '../lib/load.mjs';
import { funnelOff, openSale, startSite } from '../lib/product.mjs';
import { buyers, purchaseOf } from '../lib/requests.mjs';
import { overRounds } from '../lib/rounds.mjs';
import { rowsWritten } from '../lib/rows.mjs';
import { median } from '../lib/statistics.mjs';

/** Enough that even four nodes have about equally many of them. */
const segments = 16;
const places = [{ nodes: 1, segments: 1 }, { nodes: 1, segments }, { nodes: 2, segments },
  { nodes: 4, segments }];
const warmUpRequests = 1_024;

/** Accepted purchases, funnel off. The cost of a node is its CPU time for each purchase of the sale. */
export async function measureSegments({ generator, say }, { rounds, requests }) {
  await using started = new AsyncDisposableStack();
  const sites = new Map();
  for (const nodes of new Set(places.map((place) => place.nodes))) {
    const site = await startSite({ masters: nodes }, funnelOff);
    started.defer(() => site.stop());
    const api = await site.startApi();
    started.defer(() => api.stop());
    sites.set(nodes, { site, api });
  }
  const runs = await overRounds({ say, name: 'segments', rounds }, async (round) => {
    const count = round === 0 ? Math.min(requests, warmUpRequests) : requests;
    const run = [];
    for (const place of places) {
      run.push(await sellSome(generator, sites.get(place.nodes), place, `${round}`, count));
    }
    return run;
  });
  return { rows: places.map((place, index) => rowOf(place, runs.map((run) => run[index]))), runs };
}

/** Half of the stock, so that nothing has to be lent. */
async function sellSome(generator, { site, api }, place, name, count) {
  const saleId = await openSale(api, 2 * count, { segments: place.segments });
  const requests = buyers(count, `${place.nodes}-${place.segments}-${name}`)
    .map((buyer) => purchaseOf(buyer, saleId));
  const stockIds = place.segments === 1 ? [saleId]
    : Array.from({ length: place.segments }, (_, segment) => `${saleId}-${segment}`);
  const before = site.servers.nodeCosts();
  const figures = await measure(generator, api, requests,
    { settled: () => rowsWritten(site.database, stockIds, count) });
  expectOnly(figures, '202');
  const nodes = site.servers.nodeCosts().map((seconds, node) =>
    (seconds - before[node]) / count * 1_000);
  return { ...figures, busiest: Math.max(...nodes), all: nodes.reduce((sum, each) => sum + each, 0) };
}

function rowOf({ nodes, segments: parts }, runs) {
  const of = (valueOf) => median(runs.map(valueOf));
  const busiest = of((run) => run.busiest);
  const counted = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;
  return { name: `${counted(nodes, 'node')}, ${counted(parts, 'segment')}`,
    'CPU s/1,000 busiest node': Number(busiest.toFixed(3)),
    'CPU s/1,000 all nodes': Number(of((run) => run.all).toFixed(3)),
    'purchases a second that a core of the busiest node would allow': Math.round(1_000 / busiest),
    'per second here': Math.round(of(({ perSecond }) => perSecond)),
    'p99 ms': Number(of(({ latencyMs }) => latencyMs.p99).toFixed(1)) };
}

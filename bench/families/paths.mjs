// Every way through the product once, with the funnel off and on, beside plain Fastify: what a
// purchase, a refusal and a reader cost.
import { expectOnly, measure } from '../lib/load.mjs';
import { blacklist, funnelOff, openSale } from '../lib/product.mjs';
import { buyers, purchaseOf, readOf } from '../lib/requests.mjs';
import { overRounds } from '../lib/rounds.mjs';
import { comeLate, guarded, sell } from '../lib/selling.mjs';
import { median } from '../lib/statistics.mjs';
import { rowOf } from '../lib/table.mjs';

const scenarios = {
  plain: 'plain Fastify route',
  off: 'accepted (202), funnel off',
  on: 'accepted (202), funnel on',
  soldOutOff: 'sold out (409), funnel off',
  soldOutOn: 'sold out (409), funnel on',
  blacklisted: 'flood of a blacklisted user (403)',
  throttled: 'flood of a throttled user (429)',
  plainRead: 'plain Fastify route, read',
  read: 'sale page (200)',
  readAgain: 'sale page, unchanged (304)',
};
const plainOf = (scenario) => (/read/i.test(scenario) ? 'plainRead' : 'plain');

/** Resolves to a table and what else these runs tell: see the end. */
export async function measurePaths(ground, { rounds, requests }) {
  await using off = await ground.startApi(funnelOff);
  await using on = await ground.startApi({});
  const runs = await overRounds({ say: ground.say, name: 'paths', rounds }, (round) =>
    measureAll({ ground, off, on, name: `paths-${round}`,
      count: round === 0 ? Math.min(requests, 4_096) : requests }));
  const rows = Object.entries(scenarios).map(([scenario, name]) => rowOf(name,
    runs.map((run) => run[scenario]), runs.map((run) => run[plainOf(scenario)])));
  const of = (valueOf) => median(runs.map(valueOf));
  return { rows, perPurchase: perPurchaseOf(runs.map(({ on: purchases }) => purchases)),
    funnelShare: of((run) => run.on.perSecond / run.off.perSecond).toFixed(2),
    rowsPerSecondWhileAccepting: Math.round(of((run) => run.on.rowsPerSecond)), runs };
}

/** Everything once, so that what else the machine does meets all of it alike. */
async function measureAll({ ground, off, on, name, count }) {
  const { generator, plain } = ground;
  const beside = await measure(generator, plain,
    buyers(count, name).map((buyer) => purchaseOf(buyer, 'constant')));
  const without = await sellOut(ground, off, `off-${name}`, count, {});
  const within = await sellOut(ground, on, `on-${name}`, count, guarded);
  return {
    plain: beside, off: without.accepted, on: within.accepted,
    soldOutOff: without.soldOut, soldOutOn: within.soldOut,
    ...await floods(ground, on, name, count),
    ...await reads(ground, on, count),
  };
}

/** A purchase by every buyer, and then by as many who come too late. */
async function sellOut(ground, program, name, count, protection) {
  const accepted = await sell(ground, program, { name, count, changes: { protection } });
  const soldOut = await comeLate(ground, program, accepted.saleIds,
    { name: `late-${name}`, count, protection });
  return { accepted, soldOut };
}

/** A flood of one buyer whom the blacklist names, and one of a buyer who asks too often. */
async function floods({ generator }, program, name, count) {
  const saleId = await openSale(program, 1, { protection: guarded });
  const [listed, hasty] = buyers(2, `flood-${name}`);
  const floodOf = (buyer) => Array.from({ length: count }, () => purchaseOf(buyer, saleId));
  await blacklist(program, listed.userId);
  const blacklisted = await measure(generator, program, floodOf(listed));
  expectOnly(blacklisted, '403');
  // Without a sale token: the ten a second whom the throttle lets through cannot buy.
  const throttled = await measure(generator, program, floodOf(hasty));
  expectOnly(throttled, '429', '403');
  if (throttled.statuses[403] > 10 * (Math.ceil(throttled.seconds) + 1)) {
    throw new Error(`hardly throttled: ${JSON.stringify(throttled.statuses)}`);
  }
  return { blacklisted, throttled };
}

/** A sale's page, for one who sees it first and for one who asks whether it is still so. */
async function reads({ generator, plain }, program, count) {
  const saleId = await openSale(program, 1);
  const etag = (await fetch(`${program.url}/v1/sales/${saleId}`)).headers.get('etag');
  const readsOf = (id, known) => Array(count).fill(readOf(id, known));
  const plainRead = await measure(generator, plain, readsOf('constant'));
  const read = await measure(generator, program, readsOf(saleId));
  const readAgain = await measure(generator, program, readsOf(saleId, etag));
  for (const figures of [plainRead, read]) expectOnly(figures, '200');
  expectOnly(readAgain, '304');
  return { plainRead, read, readAgain };
}

/** What one accepted purchase costs, funnel on: the figures that a plan for more machines needs. */
function perPurchaseOf(runs) {
  const of = (valueOf) => Math.round(median(runs.map(valueOf)));
  // Seconds for a thousand requests are milliseconds for one.
  const cpu = (part) => of(({ cpuSeconds }) => cpuSeconds[part] * 1_000);
  return { apiCpuMicroseconds: cpu('api'), workerCpuMicroseconds: cpu('worker'),
    redisCpuMicroseconds: cpu('redis'), databaseCpuMicroseconds: cpu('database'),
    bytesIn: of(({ bytes }) => bytes.request), bytesOut: of(({ bytes }) => bytes.answer),
    redisBytes: of((run) => run.redisBytes),
    redisBytesPerBuyer: of((run) => run.redisBytesPerBuyer) };
}

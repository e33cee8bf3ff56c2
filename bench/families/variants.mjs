// Accepted purchases in one way beside another: what each throttle costs, what many sales at once
// cost, what a second process brings.
import { funnelOff } from '../lib/product.mjs';
import { overRounds } from '../lib/rounds.mjs';
import { comeLate, guarded, sell } from '../lib/selling.mjs';
import { rowOf } from '../lib/table.mjs';

/** High enough to refuse nobody; the windows are the defaults of THROTTLE_USER and its like. */
const highRate = '9999999';
const throttle =
  { user: '10/1,120/60', ip: '100/1,3000/60', device: '20/1,240/60', sale: highRate };
const { user, ip, device } = throttle;
const mixedSales = 50;

/** The rest of the funnel is off: the rows differ by their limits alone. */
export async function measureThrottles(ground, sizes) {
  await using without = await ground.startApi(funnelOff);
  await using within = await ground.startApi({ ...funnelOff, THROTTLE_GLOBAL: highRate });
  const sellUnder = (limits, program = without) => (name, count) =>
    sell(ground, program, { name, count, changes: { protection: { throttle: limits } } });
  return await compare(ground, sizes, 'throttles', {
    'no throttle': sellUnder({}),
    'user': sellUnder({ user }),
    'user, address, device': sellUnder({ user, ip, device }),
    'user, address, device, sale, global': sellUnder(throttle, within),
  });
}

/** Everything on; every request in turn for another sale. */
export async function measureMixedSales(ground, sizes) {
  await using program = await ground.startApi({});
  const sellOver = (sales) => (name, count) => sell(ground, program,
    { name, count: Math.ceil(count / sales) * sales, sales, changes: { protection: guarded } });
  return await compare(ground, sizes, 'mixed', { 'one sale': sellOver(1),
    [`${mixedSales} sales at once`]: sellOver(mixedSales) });
}

/** Everything on; the same two cores for one process, for two, and for all else. */
export async function measureProcesses(ground, sizes) {
  await using one = await ground.startApi({});
  await using two = await ground.startApi({ PROCESSES: '2' });
  const accepted = (program) => (name, count) =>
    sell(ground, program, { name, count, changes: { protection: guarded } });
  const soldOut = (program) => async (name, count) => {
    const { saleIds } = await sell(ground, program,
      { name, count: 1, changes: { protection: guarded } });
    return comeLate(ground, program, saleIds, { name: `late-${name}`, count, protection: guarded });
  };
  return await compare(ground, sizes, 'processes', {
    'accepted, 1 process': accepted(one), 'accepted, 2 processes': accepted(two),
    'sold out, 1 process': soldOut(one), 'sold out, 2 processes': soldOut(two),
  });
}

/** Every way in turn, over several rounds; shares are of the first, within a round. */
async function compare(ground, { rounds, requests }, family, ways) {
  const runs = await overRounds({ say: ground.say, name: family, rounds }, async (round) => {
    const run = {};
    for (const [way, play] of Object.entries(ways)) {
      run[way] = await play(`${family}-${round}-${Object.keys(run).length}`,
        round === 0 ? Math.min(requests, 2_048) : requests);
    }
    return run;
  });
  const [first] = Object.keys(ways);
  const rows = Object.keys(ways).map((way) => rowOf(way, runs.map((run) => run[way]),
    runs.map((run) => run[first]), `share of ${first}`));
  return { rows, runs };
}

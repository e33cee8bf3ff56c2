// The opening second: ten buyers for each unit, all at once, each on a connection of his own.
import { setTimeout as sleep } from 'node:timers/promises';
import { expectOnly, figuresOf, withSaleTokens } from '../lib/load.mjs';
import { openSale } from '../lib/product.mjs';
import { buyers, purchaseOf } from '../lib/requests.mjs';
import { overRounds } from '../lib/rounds.mjs';
import { watchRows } from '../lib/rows.mjs';
import { guarded } from '../lib/selling.mjs';
import { burst, median } from '../lib/statistics.mjs';
import { latencyOf } from '../lib/table.mjs';

const buyersPerUnit = 10;
/** After a 503, which names this time; the same key asks again. */
const comeBackMs = 1_000;
/** Files that a process needs for other things than buyers. */
const otherFiles = 200;

export async function measureOpening(ground, { rounds, crowd }) {
  await using program = await ground.startApi({});
  // Where the system allows fewer files, several buyers share a connection.
  const connections = Math.min(crowd, filesAtMost() - otherFiles);
  const runs = await overRounds({ say: ground.say, name: 'opening', rounds }, (round) =>
    open(ground, program, { name: `opening-${round}`, crowd, connections }));
  const rowFor = (name, who) => ({ name, buyers: runs[0][who].requests,
    ...latencyOf(runs.map((run) => run[who].latencyMs)),
    'all answered after ms': Math.round(median(runs.map((run) => run[who].latencyMs.longest))) });
  return { connections, rows: [
    { ...rowFor('winners (202)', 'winners'),
      ...latencyOf(runs.map(({ rowMs }) => rowMs), 'to row ') },
    rowFor('losers (409)', 'losers'),
    { ...rowFor('everybody', 'everybody'), 'told to come back (503)': median(runs.map((run) =>
      run.toldToComeBack.reduce((sum, count) => sum + count, 0))) },
  ], runs };
}

async function open({ generator, database }, program, { name, crowd, connections }) {
  const units = crowd / buyersPerUnit;
  const saleId = await openSale(program, units, { protection: guarded });
  const equipped = await withSaleTokens(generator, program, saleId, buyers(crowd, name));
  const requests = equipped.map((buyer) => purchaseOf(buyer, saleId));
  const watch = watchRows(database, saleId);
  const play = (some) => generator.play(program, some,
    { arrivals: burst(some.length), connections, keepBodies: true });
  const record = await play(requests);
  const toldToComeBack = [];
  for (let again = those(record, 503); again.length > 0; again = those(record, 503)) {
    toldToComeBack.push(again.length);
    await sleep(comeBackMs);
    replace(record, again, await play(again.map((index) => requests[index])));
  }
  const everybody = figuresOf(record);
  expectOnly(everybody, '202', '409');
  if (everybody.statuses[202] !== units) {
    throw new Error(`${everybody.statuses[202]} of ${units} units were promised`);
  }
  const rowMs = await watch.clickToRow(record);
  return { everybody, winners: only(record, 202), losers: only(record, 409), rowMs,
    toldToComeBack };
}

const those = ({ statuses }, status) =>
  [...statuses.keys()].filter((index) => statuses[index] === status);

/** Whoever asked again has waited since he asked first. */
function replace(record, indices, later) {
  for (const [position, index] of indices.entries()) {
    record.statuses[index] = later.statuses[position];
    record.bodies[index] = later.bodies[position];
    record.tookMs[index] =
      later.startedAt[position] + later.tookMs[position] - record.startedAt[index];
  }
}

/** Figures of those who were answered so. */
function only({ startedAt, tookMs, statuses }, status) {
  const among = (values) => values.filter((_, index) => statuses[index] === status);
  return figuresOf({ startedAt: among(startedAt), tookMs: among(tookMs),
    statuses: among(statuses) });
}

/** Open files of one process, as the system allows them. */
function filesAtMost() {
  const { hard } = process.report.getReport().userLimits.open_files;
  return hard === 'unlimited' ? Infinity : Number(hard);
}

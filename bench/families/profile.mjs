// Where the CPU time goes, and what allocates: of the API process for those who buy and for those who
// come too late, of the worker while a backlog becomes rows, and of plain Fastify beside them.
import { allocationsOf, cpuTimesOf, inspectable } from '../lib/inspector.mjs';
import { expectOnly, figuresOf } from '../lib/load.mjs';
import { openSale, startProduct, startProgram, startServers } from '../lib/product.mjs';
import { buyers, purchaseOf } from '../lib/requests.mjs';
import { rowsWritten } from '../lib/rows.mjs';
import { comeLate, guarded, sell } from '../lib/selling.mjs';

const placesShown = 16;
const warmUpRequests = 4_096;

/** Whole funnel on. One process of each, warm; a sampled share is right to about a percent. */
export async function measureProfile({ generator, say }, { requests, backlog }) {
  await using started = new AsyncDisposableStack();
  const servers = await startServers();
  started.defer(() => servers.stop());
  const startInspectable = async (start) => {
    const { port, settings } = await inspectable();
    const program = await start(settings);
    started.defer(() => program.stop());
    return { ...program, inspectorPort: port };
  };
  const plain = await startInspectable((settings) =>
    startProgram('bench/lib/plain-fastify.mjs', { ...process.env, ...settings }));
  const api = await startInspectable((settings) => startProduct(
    { ...servers.environment, ...settings, BACKLOG_PER_SALE: String(backlog + 1) }, 'api'));
  const ground = { generator, database: servers.database,
    redisUrl: servers.environment.REDIS_URL };

  const backlogId = await openSale(api, backlog);
  expectOnly(figuresOf(await generator.play(api, purchases('backlog', backlog, backlogId))), '202');
  const worker = await startInspectable((settings) =>
    startProduct({ ...servers.environment, ...settings }, 'worker'));
  // By then all of the program is loaded.
  const first = await rowsNow(ground, backlogId, 1);
  const ofWorker = await cpuTimesOf(worker.inspectorPort, () =>
    rowsWritten(ground.database, backlogId, backlog));
  say('profile: rows from a backlog');

  const scenarios = scenariosOf(ground, { plain, api });
  await scenarios[accepted].play('warm', warmUpRequests);
  const results = [];
  for (const [name, { program, play }] of Object.entries(scenarios)) {
    await play('warm', warmUpRequests);
    const look = (way) => lookAt(way, program.inspectorPort,
      (around) => play(way.name, requests, around));
    results.push({ name, count: requests, times: await look(cpuTimesOf),
      bytes: await look(allocationsOf) });
    say(`profile: ${name}`);
  }
  results.push({ name: 'rows from a backlog', count: backlog - first, times: ofWorker });
  return { rows: results.flatMap(rowsOf), charts: results.map(chartOf) };
}

const accepted = 'API: accepted (202), funnel on';

/** Each plays so many requests; `around` gets what is to be looked at. */
function scenariosOf(ground, { plain, api }) {
  let saleIds;
  return {
    'plain Fastify route': { program: plain, play: (name, count, around = justPlay) =>
      around(() => ground.generator.play(plain, purchases(name, count, 'constant'))) },
    [accepted]: { program: api, play: async (name, count, around) => {
      ({ saleIds } = await sell(ground, api,
        { name, count, changes: { protection: guarded }, around }));
    } },
    'API: sold out (409), funnel on': { program: api, play: (name, count, around) =>
      comeLate(ground, api, saleIds, { name: `late-${name}`, count, protection: guarded, around }) },
  };
}

const justPlay = (play) => play();

const purchases = (name, count, saleId) =>
  buyers(count, name).map((buyer) => purchaseOf(buyer, saleId));

/** What `way` saw of the process while that was played which `playAround` brings. */
async function lookAt(way, port, playAround) {
  let seen;
  await playAround(async (play) => {
    let figures;
    seen = await way(port, async () => { figures = await play(); });
    return figures;
  });
  return seen;
}

/** Waits for so many rows; resolves to how many there are by then. */
async function rowsNow({ database }, saleId, atLeast) {
  await rowsWritten(database, saleId, atLeast);
  const [[{ allocated }]] = await database.query(
    'SELECT allocated FROM sale_stock WHERE sale_id = ?', [saleId]);
  return allocated;
}

const totalOf = (amounts) => [...amounts.values()].reduce((sum, amount) => sum + amount, 0);
const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** All places together first, then the greatest. */
function rowsOf({ name, count, times, bytes }) {
  const busyMs = totalOf(times);
  const all = bytes && totalOf(bytes);
  return [['all', busyMs, all], ...[...times].slice(0, placesShown)
    .map(([place, ms]) => [place, ms, bytes && (bytes.get(place) ?? 0)])]
    .map(([place, ms, allocated]) => ({ name: `${name}: ${place}`, 'share of CPU': percent(ms / busyMs),
      'CPU µs each': Math.round(ms / count * 1_000),
      ...(bytes && { 'bytes allocated each': Math.round(allocated / count) }) }));
}

function chartOf({ name, times }) {
  const busyMs = totalOf(times);
  return { title: `CPU time: ${name}`, bars: [...times].slice(0, placesShown).map(([place, ms]) =>
    ({ label: place, value: ms / busyMs, text: percent(ms / busyMs) })) };
}

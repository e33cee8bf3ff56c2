// Whether a purchase costs the same in a small shop and in a large one: by how many have bought of the
// sale already, by how many orders the database has, and by how many sales are on.
import { setTimeout as sleep } from 'node:timers/promises';
import { startGround } from '../lib/ground.mjs';
import { expectOnly, measure } from '../lib/load.mjs';
import { createSale, loadSale, openSale } from '../lib/product.mjs';
import { buyers, purchaseOf } from '../lib/requests.mjs';
import { rowsWritten } from '../lib/rows.mjs';
import { median } from '../lib/statistics.mjs';

const rowsTogether = 50_000;
const openedTogether = 8;
/** Servers that write down what came before are left alone until they use so little of a core. */
const calmShare = 0.05;
const lookEveryMs = 1_000;
const looksAtMost = 120;

/** Each kind grows on servers of its own to ever larger sizes, ten times the one before. */
export async function measureGrowth({ say }, { rounds, requests, sales, buyersBefore, orders }) {
  const kinds = [
    { kind: 'buyers before', sizes: tenfold(1_000, buyersBefore), grow: () => undefined,
      before: (size) => size },
    { kind: 'orders of another sale', sizes: tenfold(10_000, orders), grow: addOrders,
      before: () => 0 },
    { kind: 'further sales that are on', sizes: tenfold(1, sales), grow: addSales, before: () => 0 },
  ];
  const results = [];
  for (const each of kinds) results.push(await measureKind(say, each, { rounds, requests }));
  return { rows: results.flatMap(({ rows }) => rows), charts: results.map(({ chart }) => chart) };
}

async function measureKind(say, { kind, sizes, grow, before }, { rounds, requests }) {
  await using ground = await startGround(say);
  await using program = await ground.startApi({});
  const warm = await saleWith(ground, program, 0, requests);
  await sellSome(ground, program, warm, `warm-${kind}`, requests);
  const rows = [];
  let grown = 0;
  for (const size of sizes) {
    await grow(ground, program, size - grown);
    grown = size;
    const sale = await saleWith(ground, program, before(size), rounds * requests);
    await calm(program);
    const runs = [];
    for (let round = 1; round <= rounds; round += 1) {
      runs.push(await sellSome(ground, program, sale, `${kind}-${size}-${round}`, requests));
      say(`growth: ${size.toLocaleString('en')} ${kind}, round ${round} of ${rounds}`);
    }
    rows.push(rowOf(`${size.toLocaleString('en')} ${kind}`, sale, runs, rows[0]));
    say(JSON.stringify(rows.at(-1)));
  }
  return { rows, chart: { title: `CPU time of a purchase, all parts, by ${kind}: of the first`,
    bars: rows.map(({ name, 'of the first': value }) => ({ label: name, value, text: String(value) })) } };
}

/** A sale that has sold so many units, and has so many more. */
async function saleWith({ database }, program, sold, left) {
  const id = await createSale(program, sold + left);
  await fill(database, id, sold);
  await database.query('UPDATE sale_stock SET allocated = ?, seq = ? WHERE sale_id = ?',
    [sold, sold, id]);
  const startedAt = performance.now();
  await loadSale(program, id);
  return { id, sold, loadMs: performance.now() - startedAt };
}

/** Purchases of one sale; beside them plain requests. */
async function sellSome({ generator, plain, database }, program, sale, name, count) {
  const requests = buyers(count, name.replaceAll(' ', '-')).map((buyer) => purchaseOf(buyer, sale.id));
  sale.sold += count;
  const figures = await measure(generator, program, requests,
    { settled: () => rowsWritten(database, sale.id, sale.sold) });
  expectOnly(figures, '202');
  const [anybody] = buyers(1, 'anybody');
  const beside = await measure(generator, plain, Array(count).fill(purchaseOf(anybody, 'constant')));
  return { ...figures, plainSeconds: beside.cpuSeconds.api };
}

/** CPU µs of a purchase by part; their sum, in plain requests of the same round, against the first. */
function rowOf(name, { loadMs }, runs, first) {
  const of = (valueOf) => median(runs.map(valueOf));
  const cpu = (part) => Math.round(of(({ cpuSeconds }) => cpuSeconds[part] * 1_000));
  const inPlain = Number(of(({ cpuSeconds: { api, worker, redis, database }, plainSeconds }) =>
    (api + worker + redis + database) / plainSeconds).toFixed(1));
  return { name, 'CPU µs API': cpu('api'), 'CPU µs worker': cpu('worker'),
    'CPU µs Redis': cpu('redis'), 'CPU µs MariaDB': cpu('database'),
    'in plain requests': inPlain,
    'of the first': Number((inPlain / (first?.['in plain requests'] ?? inPlain)).toFixed(2)),
    'load of the sale ms': Math.round(loadMs) };
}

/** Of a sale that is not loaded: rows, and nothing in Redis. */
async function addOrders({ database }, program, count) {
  await fill(database, await createSale(program, 1), count);
}

async function addSales(_ground, program, count) {
  for (let left = count; left > 0; left -= openedTogether) {
    await Promise.all(Array.from({ length: Math.min(openedTogether, left) },
      () => openSale(program, 1)));
  }
}

/** So many paid orders, in every table that an order is written to. */
async function fill(database, saleId, count) {
  const rid = `CONCAT('g', SUBSTR(MD5(CONCAT('${saleId}', seq)), 2))`;
  for (let from = 1; from <= count; from += rowsTogether) {
    const numbers = `seq_${from}_to_${Math.min(count, from + rowsTogether - 1)}`;
    await database.query(`INSERT INTO orders (rid, sale_id, user_id, quantity, amount, currency, status,
        fingerprint, epoch, seq, trace_id, reserved_at, expires_at, paid_at)
      SELECT ${rid}, ?, CONCAT('earlier-', seq), 1, 100, 'EUR', 'paid', 'fingerprint', 1, seq, MD5(seq),
        NOW(3), NOW(3) + INTERVAL 15 MINUTE, NOW(3) FROM ${numbers}`, [saleId]);
    await database.query(`INSERT INTO buyer_quotas (sale_id, user_id, quantity, limit_per_user)
      SELECT ?, CONCAT('earlier-', seq), 1, 1 FROM ${numbers}`, [saleId]);
    await database.query(`INSERT INTO stock_ledger (sale_id, movement_id, kind, rid, available_delta,
        allocated_delta, allocated_before, allocated_after, source, user_id, ip, trace_id)
      SELECT ?, CONCAT('allocate:', ${rid}), 'allocate', ${rid}, -1, 1, seq - 1, seq, 'purchase',
        CONCAT('earlier-', seq), '10.0.0.1', MD5(seq) FROM ${numbers}`, [saleId]);
  }
}

async function calm({ cost }) {
  const used = () => Object.values(cost()).reduce((sum, seconds) => sum + seconds, 0);
  for (let look = 0; look < looksAtMost; look += 1) {
    const before = used();
    await sleep(lookEveryMs);
    if (used() - before < calmShare * lookEveryMs / 1_000) return;
  }
}

function tenfold(first, last) {
  const sizes = [];
  for (let size = first; size < last; size *= 10) sizes.push(size);
  return [...sizes, last];
}

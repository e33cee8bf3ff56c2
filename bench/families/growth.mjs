// Whether a purchase costs the same in a small shop and in a large one: by how many sales are on, by
// how many have bought of the sale already, and by how many orders the database has.
import { expectOnly, measure } from '../lib/load.mjs';
import { openSale } from '../lib/product.mjs';
import { buyers, purchaseOf } from '../lib/requests.mjs';
import { rowsWritten } from '../lib/rows.mjs';
import { median } from '../lib/statistics.mjs';

const rowsTogether = 50_000;
const preloadsTogether = 8;

/** Each kind grows by itself to ever larger sizes; nothing shrinks in between. */
export async function measureGrowth(ground, { rounds, requests, sales, buyersBefore, orders }) {
  await using program = await ground.startApi({});
  const kinds = [
    ['buyers before', tenfold(1_000, buyersBefore), (size) => ({ before: size })],
    ['orders of other sales', tenfold(10_000, orders), (size, grown) =>
      fillAnother(ground, program, size - grown)],
    ['sales that are on', tenfold(1, sales), (size, grown) =>
      openOthers(program, size - Math.max(1, grown))],
  ];
  await sellOnce(ground, program, 'warm', requests, {});
  const rows = [];
  const charts = [];
  for (const [kind, sizes, grow] of kinds) {
    const measured = await measureKind(ground, program, { kind, sizes, grow, rounds, requests });
    rows.push(...measured);
    charts.push({ title: `CPU time of a purchase by ${kind}, all parts, of the first`,
      bars: measured.map((row) => ({ label: row.name, value: row['of the first'],
        text: row['of the first'].toFixed(2) })) });
  }
  return { rows, charts };
}

async function measureKind(ground, program, { kind, sizes, grow, rounds, requests }) {
  const rows = [];
  let grown = 0;
  for (const size of sizes) {
    const past = await grow(size, grown) ?? {};
    grown = size;
    const runs = [];
    for (let round = 1; round <= rounds; round += 1) {
      runs.push(await sellOnce(ground, program, `${kind}-${size}-${round}`, requests, past));
      ground.say(`growth: ${size.toLocaleString('en')} ${kind}, round ${round} of ${rounds}`);
    }
    rows.push(rowOf(`${size.toLocaleString('en')} ${kind}`, runs, rows[0]));
  }
  return rows;
}

/** Purchases of one sale, which has sold so many units before; beside it plain requests. */
async function sellOnce({ generator, plain, database }, program, name, count, { before = 0 }) {
  const startedAt = performance.now();
  let filledAt = startedAt;
  const saleId = await openSale(program, before + count, {}, async (id) => {
    await fill(database, id, before);
    filledAt = performance.now();
  });
  const loadMs = performance.now() - filledAt;
  const requests = buyers(count, name.replaceAll(' ', '-')).map((buyer) => purchaseOf(buyer, saleId));
  const figures = await measure(generator, program, requests,
    { settled: () => rowsWritten(database, saleId, before + count) });
  expectOnly(figures, '202');
  const [anybody] = buyers(1, 'anybody');
  const beside = await measure(generator, plain, Array(count).fill(purchaseOf(anybody, 'constant')));
  return { ...figures, loadMs, plainSeconds: beside.cpuSeconds.api };
}

/** CPU µs of a purchase by part; their sum, in plain requests of the same round, against the first. */
function rowOf(name, runs, first) {
  const of = (valueOf) => median(runs.map(valueOf));
  const cpu = (part) => Math.round(of(({ cpuSeconds }) => cpuSeconds[part] * 1_000));
  const inPlain = Number(of(({ cpuSeconds: { api, worker, redis, database }, plainSeconds }) =>
    (api + worker + redis + database) / plainSeconds).toFixed(1));
  return { name, 'CPU µs API': cpu('api'), 'CPU µs worker': cpu('worker'),
    'CPU µs Redis': cpu('redis'), 'CPU µs MariaDB': cpu('database'),
    'in plain requests': inPlain,
    'of the first': Number((inPlain / (first?.['in plain requests'] ?? inPlain)).toFixed(2)),
    'load of the sale ms': Math.round(of(({ loadMs }) => loadMs)) };
}

async function fillAnother({ database }, program, count) {
  await openSale(program, count, {}, (saleId) => fill(database, saleId, count));
}

async function openOthers(program, count) {
  for (let opened = 0; opened < count; opened += preloadsTogether) {
    await Promise.all(Array.from({ length: Math.min(preloadsTogether, count - opened) },
      () => openSale(program, 1)));
  }
}

/** So many paid orders of a new sale, in every table that an order is written to. */
async function fill(database, saleId, count) {
  for (let from = 1; from <= count; from += rowsTogether) {
    const numbers = `seq_${from}_to_${Math.min(count, from + rowsTogether - 1)}`;
    const rid = `CONCAT('g', SUBSTR(MD5(CONCAT('${saleId}', seq)), 2))`;
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
  await database.query('UPDATE sale_stock SET allocated = ?, seq = ? WHERE sale_id = ?',
    [count, count, saleId]);
}

/** From the first size, each ten times the one before, up to the last. */
function tenfold(first, last) {
  const sizes = [];
  for (let size = first; size < last; size *= 10) sizes.push(size);
  return [...sizes, last];
}

// Whether a purchase costs the same in a small shop and in a large one: by how many have bought of the
// sale already, by how many orders the database has, and by how many sales are on.
import { setTimeout as sleep } from 'node:timers/promises';
import { startGround } from '../lib/ground.mjs';
import { expectOnly, measure } from '../lib/load.mjs';
import { createSale, loadSale, openSale } from '../lib/product.mjs';
import { buyers, purchaseOf } from '../lib/requests.mjs';
import { rowsWritten } from '../lib/rows.mjs';
import { median } from '../lib/statistics.mjs';

/** Of MariaDB: a third of what ten million orders take. */
const poolMegabytes = 4_096;
const rowsTogether = 50_000;
/** Of reservation ids. */
const digits = '0123456789abcdefghjkmnpqrstvwxyz';
const openedTogether = 8;
/** Two idle shops use half of it: servers that write down what came before are left alone until then. */
const calmShare = 0.3;
const lookEveryMs = 1_000;
const looksAtMost = 120;

/**
 * Each kind grows to ever larger sizes, ten times the one before, beside a shop that stays at the first:
 * both sell in turns, so that what else changes meanwhile (warm code, keys that expire, a machine that
 * others use) is in both.
 */
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
  await using small = await startShop(say);
  await using large = await startShop(say);
  const [smallest] = sizes;
  await grow(small, smallest);
  const rows = [];
  let grown = 0;
  for (const size of sizes) {
    await grow(large, size - grown);
    grown = size;
    const pair = [await saleWith(small, before(smallest), (rounds + 1) * requests),
      await saleWith(large, before(size), (rounds + 1) * requests)];
    await calm([small, large]);
    const runs = [];
    for (let round = 0; round <= rounds; round += 1) {
      const name = `${kind}-${size}-${round}`;
      // Each is the first as often as the other.
      const order = round % 2 === 0 ? [0, 1] : [1, 0];
      const run = [];
      for (const index of order) run[index] = await sellSome(pair[index], name, requests);
      if (round > 0) runs.push(run); // the first has warmed both
      say(`growth: ${size.toLocaleString('en')} ${kind}, round ${round} of ${rounds}`);
    }
    rows.push(rowOf(`${size.toLocaleString('en')} ${kind}`, pair[1], runs));
    say(JSON.stringify(rows.at(-1)));
  }
  return { rows, chart: {
    title: `CPU time of a purchase, all parts, by ${kind}: of the same with ${
      smallest.toLocaleString('en')}`,
    bars: rows.map(({ name, 'of the smallest': value }) =>
      ({ label: name, value, text: String(value) })) } };
}

/** Servers, a worker and an API process. */
async function startShop(say) {
  await using started = new AsyncDisposableStack();
  const ground = started.use(await startGround(say, { poolMegabytes }));
  const program = started.use(await ground.startApi({}));
  const all = started.move();
  return { ...ground, program, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** A sale that has sold so many units, and has so many more. */
async function saleWith(shop, sold, left) {
  const { database, program } = shop;
  const id = await createSale(program, sold + left);
  await fill(database, id, sold);
  await database.query('UPDATE sale_stock SET allocated = ?, seq = ? WHERE sale_id = ?',
    [sold, sold, id]);
  const startedAt = performance.now();
  await loadSale(program, id);
  return { shop, id, sold, loadMs: performance.now() - startedAt };
}

/** CPU µs of a purchase by part. */
async function sellSome(sale, name, count) {
  const { generator, database, program } = sale.shop;
  const requests = buyers(count, name.replaceAll(' ', '-')).map((buyer) => purchaseOf(buyer, sale.id));
  sale.sold += count;
  const figures = await measure(generator, program, requests,
    { settled: () => rowsWritten(database, sale.id, sale.sold) });
  expectOnly(figures, '202');
  const { api, worker, redis, database: mariadb } = figures.cpuSeconds;
  const parts = { API: api, worker, Redis: redis, MariaDB: mariadb };
  return Object.fromEntries(Object.entries({ ...parts, all: api + worker + redis + mariadb })
    .map(([part, seconds]) => [part, seconds * 1_000]));
}

/** Medians; the share is that of the rounds, `from` and `to` are those of their middle half. */
function rowOf(name, { loadMs }, runs) {
  const of = (valueOf) => Number(median(runs.map(valueOf)).toFixed(2));
  const shares = runs.map(([small, large]) => large.all / small.all).sort((a, b) => a - b);
  const quartile = (part) => Number(shares[Math.round(part * (shares.length - 1))].toFixed(2));
  const cpu = (part) => Math.round(of(([, large]) => large[part]));
  return { name, 'CPU µs API': cpu('API'), 'CPU µs worker': cpu('worker'),
    'CPU µs Redis': cpu('Redis'), 'CPU µs MariaDB': cpu('MariaDB'), 'CPU µs all': cpu('all'),
    'beside it, smallest': Math.round(of(([small]) => small.all)),
    'of the smallest': of(([small, large]) => large.all / small.all),
    from: quartile(0.25), to: quartile(0.75),
    'load of the sale ms': Math.round(loadMs) };
}

/** Of a sale that is not loaded: rows, and nothing in Redis. */
async function addOrders({ database, program }, count) {
  await fill(database, await createSale(program, 1), count);
}

async function addSales({ program }, count) {
  for (let left = count; left > 0; left -= openedTogether) {
    await Promise.all(Array.from({ length: Math.min(openedTogether, left) },
      () => openSale(program, 1)));
  }
}

/** So many paid orders, in every table that an order is written to. */
async function fill(database, saleId, count) {
  // Two characters spread them, as those of the product do.
  const rid = `CONCAT(SUBSTR('${digits}', 1 + seq % 32, 1), SUBSTR('${digits}', 1 + seq DIV 32 % 32, 1),
    'g', SUBSTR(MD5(CONCAT('${saleId}', seq)), 4))`;
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

async function calm(shops) {
  const used = () => shops.flatMap(({ program }) => Object.values(program.cost()))
    .reduce((sum, seconds) => sum + seconds, 0);
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

// Reservations pile up while no worker runs; then one worker process writes them all. Beside it
// what the database alone can do: the same batches of rows, sent by nobody but a loop.
import { expectOnly, figuresOf } from '../lib/load.mjs';
import { funnelOff, openSale, startProduct, startServers } from '../lib/product.mjs';
import { buyers, purchaseOf } from '../lib/requests.mjs';
import { rowsWritten } from '../lib/rows.mjs';
import { median } from '../lib/statistics.mjs';

const batchSize = 500;
const writers = 4;

export async function measureBacklog({ generator, say }, { rounds, backlog }) {
  const runs = [];
  for (let round = 1; round <= rounds; round += 1) {
    runs.push(await drain(generator, backlog));
    say(`backlog: round ${round} of ${rounds}`);
  }
  const of = (key) => median(runs.map((run) => run[key]));
  const rowOf = (name, perSecond, microseconds) => ({ name, orders: backlog,
    'orders per second': Math.round(perSecond), 'CPU µs MariaDB': Math.round(microseconds) });
  return { rows: [
    { ...rowOf('one worker process', of('perSecond'), of('databaseMicroseconds')),
      'CPU µs worker': Math.round(of('workerMicroseconds')) },
    rowOf(`the database alone: ${writers} connections, ${batchSize} orders a transaction`,
      of('limitPerSecond'), of('limitMicroseconds')),
  ], runs };
}

async function drain(generator, count) {
  await using started = new AsyncDisposableStack();
  const servers = await startServers();
  started.defer(() => servers.stop());
  const { saleId, emptyId } = await holdAll(generator, servers, count);
  const worker = await startProduct(servers.environment, 'worker');
  started.defer(() => worker.stop());
  await rowsWritten(servers.database, saleId, 1);
  const before = { worker: worker.cost().api, ...servers.cost() };
  const [[{ allocated: first }]] = await servers.database.query(
    'SELECT allocated FROM sale_stock WHERE sale_id = ?', [saleId]);
  const restMs = await rowsWritten(servers.database, saleId, count);
  const rest = count - first;
  return { perSecond: rest / (restMs / 1_000),
    workerMicroseconds: (worker.cost().api - before.worker) / rest * 1e6,
    databaseMicroseconds: (servers.cost().database - before.database) / rest * 1e6,
    ...await writeAlone(servers, saleId, emptyId) };
}

/** Reservations without a worker, and a sale as large of which nothing is sold. */
async function holdAll(generator, { environment }, count) {
  const api = await startProduct(
    { ...environment, ...funnelOff, BACKLOG_PER_SALE: String(count + 1) }, 'api');
  try {
    const [saleId, emptyId] = [await openSale(api, count), await openSale(api, count)];
    expectOnly(figuresOf(await generator.play(api,
      buyers(count, 'backlog').map((buyer) => purchaseOf(buyer, saleId)))), '202');
    return { saleId, emptyId };
  } finally {
    await api.stop();
  }
}

/** Copies of the rows that the worker wrote, for another sale: as many bytes and indexes. */
async function writeAlone({ database, cost }, fromId, toId) {
  const batches = await copiesOf(database, fromId, toId);
  const count = batches.reduce((sum, { orders }) => sum + orders.length, 0);
  const before = cost().database;
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: writers }, async () => {
    const connection = await database.getConnection();
    for (let batch = batches.pop(); batch; batch = batches.pop()) {
      await writeBatch(connection, toId, batch);
    }
    connection.release();
  }));
  const seconds = (performance.now() - startedAt) / 1_000;
  return { limitPerSecond: count / seconds,
    limitMicroseconds: (cost().database - before) / count * 1e6 };
}

/** Whole rows, whatever columns they have; each batch sorted by rid, as the product writes it. */
async function copiesOf(database, fromId, toId) {
  const rowsOf = async (table) => {
    const [rows] = await database.query(`SELECT * FROM ${table} WHERE sale_id = ?`, [fromId]);
    return new Map(rows.map((row) => [row.user_id, { ...row, sale_id: toId }]));
  };
  const [orders, quotas, ledger] =
    [await rowsOf('orders'), await rowsOf('buyer_quotas'), await rowsOf('stock_ledger')];
  const batches = [];
  for (const [userId, order] of orders) {
    if (batches.length === 0 || batches.at(-1).orders.length === batchSize) {
      batches.push({ orders: [], quotas: [], ledger: [] });
    }
    const rid = `x${order.rid}`;
    batches.at(-1).orders.push({ ...order, rid });
    batches.at(-1).quotas.push(quotas.get(userId));
    batches.at(-1).ledger.push({ ...ledger.get(userId), rid });
  }
  return batches;
}

async function writeBatch(connection, saleId, { orders, quotas, ledger }) {
  const insert = (table, rows) => connection.query(`INSERT INTO ${table} (??) VALUES ?`,
    [Object.keys(rows[0]), rows.map((row) => Object.values(row))]);
  await connection.beginTransaction();
  await insert('orders', orders);
  await insert('buyer_quotas', quotas);
  await connection.query(`UPDATE sale_stock SET allocated = allocated + ?
    WHERE sale_id = ? AND allocated + ? <= total`, [orders.length, saleId, orders.length]);
  await insert('stock_ledger', ledger);
  await connection.commit();
}

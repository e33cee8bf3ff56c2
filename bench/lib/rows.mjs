// When orders become rows that everybody can read.
import { setTimeout as sleep } from 'node:timers/promises';
import { percentiles, timesReached } from './statistics.mjs';

/** What the times of rows are exact to. */
const rowResolutionMs = 5;
const patienceMs = 120_000;

/** Waits until so many rows of these sales are committed; resolves to the milliseconds it took. */
export async function rowsWritten(database, saleIds, count) {
  const startedAt = performance.now();
  for (;;) {
    const [[{ rows }]] = await database.query(
      'SELECT CAST(SUM(allocated) AS SIGNED) AS `rows` FROM sale_stock WHERE sale_id IN (?)',
      [[saleIds].flat()]);
    if (rows >= count) return performance.now() - startedAt;
    if (performance.now() - startedAt > patienceMs) throw new Error(`${rows} of ${count} rows`);
    await sleep(20);
  }
}

/**
 * Watches a sale of single units from now on. `allocated` grows in the transaction that inserts the
 * rows, and the ledger says which order was the how-manieth: one cheap query every few milliseconds
 * tells of every order when it could first be seen.
 */
export function watchRows(database, saleId) {
  const sightings = [];
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const [[{ allocated }]] = await database.query(
        'SELECT allocated FROM sale_stock WHERE sale_id = ?', [saleId]);
      if (allocated !== sightings.at(-1)?.value) {
        sightings.push({ at: Number(process.hrtime.bigint()) / 1e6, value: allocated });
      }
      await sleep(rowResolutionMs);
    }
  })();
  // A query that fails is the news of whoever waits for the rows.
  watching.catch(() => undefined);
  return {
    /** Waits for the rows of all who heard 202; resolves to the milliseconds from click to row. */
    async clickToRow({ startedAt, statuses, bodies }) {
      const winners = [...statuses.keys()].filter((index) => statuses[index] === 202);
      await rowsWritten(database, saleId, winners.length);
      await sleep(2 * rowResolutionMs);
      isOver = true;
      await watching;
      const positions = await positionsOf(database, saleId);
      const seenAt = timesReached(sightings, winners.length);
      const tookMs = percentiles(winners.map((index) =>
        seenAt[positions.get(JSON.parse(bodies[index]).id) - 1] - startedAt[index]));
      if (Number.isNaN(tookMs.longest)) throw new Error('an accepted purchase has no row');
      return tookMs;
    },
  };
}

/** Of each order of a sale, which one it was, counted from 1. */
async function positionsOf(database, saleId) {
  const [rows] = await database.query(`SELECT rid, allocated_after FROM stock_ledger
    WHERE sale_id = ? AND rid IS NOT NULL AND allocated_delta > 0`, [saleId]);
  return new Map(rows.map(({ rid, allocated_after: position }) => [rid, position]));
}

import { AsyncLocalStorage } from 'node:async_hooks';
import type { PoolConnection } from 'mysql2';
import type { QueryRunner } from 'typeorm';
import { DatabaseError } from './database-error';

/**
 * A buyer's client gives up after a few seconds, and asks again. Were all who wait served in their turn, each
 * would have gone by then, and the database would work for nobody for as long as they ask.
 */
const buyerMs = 1_000;
/** Also of a buyer's request that has been served once: what was done for it would be done in vain. */
const othersMs = 30_000;

const buyers = new AsyncLocalStorage<{ isServed: boolean }>();

/** What `work` asks of the database, now or later, waits for its first connection for a second at most. */
export function onBehalfOfBuyer(work: () => void): void {
  buyers.run({ isServed: false }, work);
}

/**
 * A connection of the runner's own. Throws a `DatabaseError` when none is free for as long as the caller
 * may wait, 1 or 30 s: the one that comes later goes to the next.
 */
export async function connect(runner: QueryRunner): Promise<PoolConnection> {
  const buyer = buyers.getStore();
  const limitMs = buyer?.isServed === false ? buyerMs : othersMs;
  const connecting = runner.connect() as Promise<PoolConnection>;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    void runner.release(); // it has nothing to give back yet
    connecting.then((connection) => { connection.release(); }, () => undefined);
    late.reject(new DatabaseError(`no free connection within ${limitMs} ms`, 'POOL_BUSY'));
  }, limitMs);
  try {
    const connection = await Promise.race([connecting, late.promise]);
    if (buyer) buyer.isServed = true;
    return connection;
  } catch (failure) {
    throw DatabaseError.from(failure);
  } finally {
    clearTimeout(timer);
  }
}

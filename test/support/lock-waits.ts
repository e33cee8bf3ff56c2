import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../src/infra/database';
import { until } from './until';

/** Until so many statements on this database wait for rows that others have locked. */
export async function untilWaiting(database: Database, count: number): Promise<void> {
  await until(`${count} statements wait for a row`, async () => {
    // InnoDB shows the same picture again to whoever looks more often than ten times a second.
    await sleep(120);
    const [row] = await database.query<{ waiting: number }>(
      `SELECT COUNT(*) AS waiting FROM information_schema.innodb_trx
        JOIN information_schema.processlist p ON p.id = trx_mysql_thread_id
        WHERE trx_state = 'LOCK WAIT' AND p.db = DATABASE()`);
    return (row?.waiting ?? 0) >= count;
  });
}

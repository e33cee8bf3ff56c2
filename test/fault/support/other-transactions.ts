import type { Connection, RowDataPacket } from 'mysql2/promise';
import { until } from '../../support/until';
import type { Deployment } from './deployment';

/** What the MariaDB server counts, such as Innodb_deadlocks. */
export async function statusOf(connection: Connection, name: string): Promise<number> {
  const [rows] = await connection.query<RowDataPacket[]>('SHOW GLOBAL STATUS LIKE ?', [name]);
  if (!rows[0]) throw new Error(`MariaDB counts no ${name}`);
  return Number(rows[0]['Value']);
}

/** Another program in the product's database that locks its rows and takes its time. */
export class RowHolder {
  private constructor(private readonly connection: Connection) {}

  static async connect(deployment: Deployment): Promise<RowHolder> {
    return new RowHolder(await deployment.connectDatabase());
  }

  /** The row that every purchase and every release changes. */
  async holdStock(saleId: string): Promise<void> {
    await this.connection.query('START TRANSACTION');
    await this.connection.query('SELECT 1 FROM sale_stock WHERE sale_id = ? FOR UPDATE', [saleId]);
  }

  /** The rows of all orders that wait for payment. */
  async holdUnpaid(saleId: string): Promise<void> {
    await this.connection.query('START TRANSACTION');
    await this.connection.query(`SELECT 1 FROM orders WHERE sale_id = ?
      AND status = 'pending_payment' FOR UPDATE`, [saleId]);
  }

  /** Resolves when a statement of others waits for a lock. */
  async untilInTheWay(): Promise<void> {
    await until('somebody waits for a lock', async () =>
      await statusOf(this.connection, 'Innodb_row_lock_current_waits') > 0, 30_000);
  }

  async release(): Promise<void> {
    await this.connection.query('ROLLBACK');
  }

  async end(): Promise<void> {
    await this.connection.end();
  }
}

/** Rows that one transaction of the storm writes: the server gives up the one that wrote less. */
const weight = 600;

/** Other programs that lock the stock and then orders: the other way round than the product does. */
export class DeadlockStorm {
  private isOver = false;
  private running: Promise<number>[] = [];

  private constructor(private readonly connections: readonly Connection[]) {}

  static async start(deployment: Deployment, saleId: string, atOnce: number):
  Promise<DeadlockStorm> {
    const connections = await Promise.all(Array.from({ length: atOnce },
      () => deployment.connectDatabase()));
    await connections[0]?.query('CREATE TABLE IF NOT EXISTS storm (number INT)');
    const storm = new DeadlockStorm(connections);
    storm.running = connections.map((connection) => storm.rage(connection, saleId));
    return storm;
  }

  /** Deadlocks in which the product was given up: those of the server without those of the storm. */
  async stop(): Promise<number> {
    this.isOver = true;
    const [connection] = this.connections;
    if (!connection) return 0;
    const lost = (await Promise.all(this.running)).reduce((sum, count) => sum + count, 0);
    const deadlocks = await statusOf(connection, 'Innodb_deadlocks');
    await Promise.all(this.connections.map((one) => one.end()));
    return deadlocks - lost;
  }

  /** Resolves to how often it was given up itself. */
  private async rage(connection: Connection, saleId: string): Promise<number> {
    let lost = 0;
    while (!this.isOver) {
      try {
        await this.lockTheOtherWayRound(connection, saleId);
      } catch (error) {
        lost += (error as { errno?: number }).errno === 1213 ? 1 : 0;
      }
      await connection.query('ROLLBACK');
    }
    return lost;
  }

  private async lockTheOtherWayRound(connection: Connection, saleId: string): Promise<void> {
    await connection.query('START TRANSACTION');
    await connection.query('INSERT INTO storm (number) VALUES ?',
      [Array.from({ length: weight }, (_, number) => [number])]);
    await connection.query('SELECT 1 FROM sale_stock WHERE sale_id = ? FOR UPDATE', [saleId]);
    await connection.query(`SELECT 1 FROM orders WHERE sale_id = ? AND status = 'pending_payment'
      ORDER BY rid DESC LIMIT 50 FOR UPDATE`, [saleId]);
  }
}

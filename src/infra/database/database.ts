import { setTimeout as sleep } from 'node:timers/promises';
import type { OnApplicationShutdown } from '@nestjs/common';
import type { PoolConnection } from 'mysql2';
import { DataSource, type QueryRunner } from 'typeorm';
import { Circuit, isOpenCircuit } from '../circuit';
import { answerOf } from './answer';
import { createDatabasePool } from './connection';
import { ConnectionTurns } from './connection-patience';
import { DatabaseError, isAbsence, isLockConflict, isUnanswered } from './database-error';
import { NamedLock } from './named-lock';
import { untilAvailable } from './until-available';

const attempts = 5;
const backoffMs = 10;
const closeMs = 2_000;

/** What a changing statement did; `affectedRows` counts matched rows, changed or not. */
export interface Execution {
  readonly affectedRows: number;
  readonly insertId: number;
}

/** Statements on one connection, inside one transaction. */
export class Transaction {
  constructor(private readonly runner: QueryRunner) {}

  /** Reads rows. `?` takes a value, or an array for `IN (?)`. Throws `DatabaseError`. */
  async query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return await this.run(sql, parameters) as Row[];
  }

  /** Changes rows. An array of arrays fills `VALUES ?`. Throws `DatabaseError`. */
  async execute(sql: string, parameters: readonly unknown[] = []): Promise<Execution> {
    return await this.run(sql, parameters) as Execution;
  }

  private async run(sql: string, parameters: readonly unknown[]): Promise<unknown> {
    try {
      return await answerOf(this.runner.query(sql, [...parameters]));
    } catch (failure) {
      throw DatabaseError.from(failure);
    }
  }
}

/**
 * The one way to MariaDB or MySQL: hand-written SQL over TypeORM's pool, at READ COMMITTED. While the
 * server is known to be away every call fails at once, with a `DatabaseError` that says CIRCUIT_OPEN.
 */
export class Database implements OnApplicationShutdown {
  readonly circuit = new Circuit(isAbsence);

  private constructor(
    private readonly dataSource: DataSource,
    private readonly databaseUrl: string,
    private readonly turns: ConnectionTurns,
  ) {}

  /**
   * Connects; waits up to 30 s for a server that is not there yet. Throws an Error that says what
   * to check.
   */
  static async connect(config: { databaseUrl: string; databasePool: number }): Promise<Database> {
    const dataSource = new DataSource({
      type: 'mysql',
      // TypeORM is given our pool, so that every connection is prepared before its first use.
      driver: { createPool: () => createDatabasePool(config.databaseUrl, config.databasePool) },
      logging: false,
    });
    await untilAvailable(() => dataSource.initialize());
    return new Database(dataSource, config.databaseUrl, new ConnectionTurns(config.databasePool));
  }

  /** Reads rows outside of a transaction; see `Transaction.query`. */
  async query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return this.withConnection((transaction) => transaction.query<Row>(sql, parameters), same);
  }

  /** Changes rows by one statement that commits itself; see `Transaction.execute`. */
  async execute(sql: string, parameters: readonly unknown[] = []): Promise<Execution> {
    return this.withConnection((transaction) => transaction.execute(sql, parameters), same);
  }

  /**
   * Runs `work` in one transaction: commits what it did, or rolls back and throws what it threw.
   * After a deadlock or a lock wait all of `work` runs again, up to five times: it must not have
   * effects outside of the database. When the connection breaks at the commit, the outcome is
   * unknown and the error is thrown.
   */
  async transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.withConnection(
          (transaction) => transaction.execute('START TRANSACTION').then(() => transaction),
          (transaction) => commitOrRollBack(transaction, work));
      } catch (error) {
        if (attempt === attempts || !isLockConflict(error)) throw error;
        await sleep(backoffMs * 2 ** attempt * Math.random());
      }
    }
  }

  /**
   * Runs `work` if nobody else in this database holds the lock of that name, else answers
   * `{ran: false}` at once. The lock lives on a connection of its own, so that it takes none from
   * the pool that `work` needs; when that connection breaks the lock is lost and `signal` aborts.
   * The names of database and lock together are at most 63 characters (a limit of MySQL).
   */
  async withLock<Result>(
    name: string,
    work: (signal: AbortSignal) => Promise<Result>,
  ): Promise<{ ran: true; result: Result } | { ran: false }> {
    const lock = await NamedLock.acquire(this.databaseUrl, name, 0);
    if (lock === undefined) return { ran: false };
    try {
      return { ran: true, result: await work(lock.lost) };
    } finally {
      await lock.release();
    }
  }

  /**
   * Closes the pool, last of all. Whoever still asks is a loop that nobody waits for: a server that does not
   * answer it keeps no process from ending.
   */
  async onApplicationShutdown(): Promise<void> {
    await Promise.race([this.dataSource.destroy(), sleep(closeMs, undefined, { ref: false })]);
  }

  /**
   * The circuit goes by the first statement, which has the server's answer: a connection may lie in the
   * pool since before it went away. A transaction that has begun is not broken off by it.
   */
  private async withConnection<First, Result>(
    first: (transaction: Transaction) => Promise<First>,
    rest: (answer: First) => Result | Promise<Result>,
  ): Promise<Result> {
    await this.turn();
    const runner = this.dataSource.createQueryRunner();
    try {
      const { connection, answer } = await this.circuit.run(async () => {
        const opened = await connect(runner);
        const begin = () => first(new Transaction(runner));
        return { connection: opened, answer: await closingUnanswered(opened, begin) };
      }).catch((error: unknown) => { throw isOpenCircuit(error) ? leftAlone() : error; });
      return await closingUnanswered(connection, async () => rest(answer));
    } finally {
      try {
        await runner.release();
      } finally {
        this.turns.give();
      }
    }
  }

  /**
   * Not within the circuit: who goes because many wait says nothing of the server. While that is known to be
   * away nobody waits.
   */
  private async turn(): Promise<void> {
    if (!this.circuit.isOpen) await this.turns.take();
    else if (!this.turns.tryTake()) throw leftAlone();
  }
}

async function connect(runner: QueryRunner): Promise<PoolConnection> {
  try {
    return await runner.connect() as PoolConnection;
  } catch (failure) {
    throw DatabaseError.from(failure);
  }
}

/** A connection that is broken, or still busy with its statement, is closed, which rolls it back. */
async function closingUnanswered<Result>(connection: PoolConnection,
  work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (isUnanswered(error)) connection.destroy();
    throw error;
  }
}

function leftAlone(): DatabaseError {
  return new DatabaseError('not asked: the server did not answer a moment ago', 'CIRCUIT_OPEN');
}

function same<Value>(value: Value): Value {
  return value;
}

async function commitOrRollBack<Result>(
  transaction: Transaction,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  try {
    const result = await work(transaction);
    await transaction.execute('COMMIT');
    return result;
  } catch (error) {
    // A connection that cannot roll back must not return to the pool: its error goes first.
    if (!isUnanswered(error)) await transaction.execute('ROLLBACK');
    throw error;
  }
}

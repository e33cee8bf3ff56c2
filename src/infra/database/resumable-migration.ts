import type { MigrationInterface, QueryRunner } from 'typeorm';
import { DatabaseError, isUnanswered } from './database-error';

/**
 * A change of the tables. It always sends the same statements, whatever the database answers, and
 * each of them may be sent twice: what changes rows must then end the same.
 */
export interface Migration extends MigrationInterface {
  name: string;
}

/**
 * Of each migration that has begun the statement that it got to: those before it are done, that one
 * may be. The table is there only until all migrations are done.
 */
export const progressTable = 'migration_under_way';

const rowExists = 1062;
/** How MariaDB and MySQL refuse a change of the tables that is made already. */
const changeExists: ReadonlySet<number> = new Set([
  1050, 1060, 1061, // a table, a column, an index of this name is there
  1826, 3822, // a constraint
  1051, 1091, // what is to go is not
]);

/**
 * The same migration, but one that was cut off goes on where it was. The server commits every
 * statement that changes tables at once, so no transaction can undo the first half of a migration.
 * Instead the number of each statement is written down before it is sent. Of the next run only the
 * statement that it was cut off at may find its work done: a table that somebody else made is an
 * error for every other.
 */
export function resumable(Original: new () => Migration): new () => Migration {
  return class extends Original {
    override async up(runner: QueryRunner): Promise<void> {
      await super.up(await resuming(this.name, runner));
    }
  };
}

/** The runner for a migration of this name, one statement after the other. */
async function resuming(name: string, runner: QueryRunner): Promise<QueryRunner> {
  await runner.query(`CREATE TABLE IF NOT EXISTS ${progressTable} (
    name VARCHAR(255) CHARACTER SET ascii NOT NULL,
    reached INT NOT NULL,
    PRIMARY KEY (name)
  ) ENGINE = InnoDB`);
  const rows = await runner.query(
    `SELECT reached FROM ${progressTable} WHERE name = ?`, [name]) as { reached: number }[];
  const reached = rows[0]?.reached ?? 0;
  const mark = async (number: number): Promise<void> => {
    await runner.query(
      `REPLACE INTO ${progressTable} (name, reached) VALUES (?, ?)`, [name, number]);
  };

  let number = 0;
  const query = async (sql: string, parameters?: unknown[]): Promise<unknown> => {
    number += 1;
    if (number < reached) return undefined;
    const isInDoubt = number === reached;
    await mark(number);
    try {
      return await runner.query(sql, parameters);
    } catch (failure) {
      const error = DatabaseError.from(failure);
      if (isInDoubt && isDone(sql, error)) return undefined;
      // Refused is not done. A server that cannot note that any more leaves it in doubt.
      if (!isInDoubt && !isUnanswered(error)) await mark(number - 1).catch(() => undefined);
      throw failure;
    }
  };
  return Object.create(runner, { query: { value: query } }) as QueryRunner;
}

/** For an index that is to be unique the same number means that its rows are not. */
function isDone(sql: string, { serverErrorNumber = 0 }: DatabaseError): boolean {
  return changeExists.has(serverErrorNumber)
    || (serverErrorNumber === rowExists && /^\s*INSERT\b/.test(sql));
}

import { type Connection, type ConnectionOptions, createPool, type Pool } from 'mysql2';

/**
 * After this silence the server ends a connection, and with it what it locks: a process that is
 * frozen or cut off in a transaction must not stop all others.
 */
export const silenceSeconds = 15;
/** Unused connections go before the server ends them. */
const idleMs = 5_000;

/**
 * Times are read and written in UTC whatever the server's zone; a value that does not fit is an
 * error whatever the server's mode; a lock is waited for briefly, because the caller tries again.
 */
const sessionStatements = [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  `SET SESSION wait_timeout = ${silenceSeconds}, time_zone = '+00:00', innodb_lock_wait_timeout = 5, `
  + "sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
];

/**
 * Options of every connection, so that values arrive alike from MariaDB and MySQL: BIGINT and
 * DECIMAL (also a SUM) as numbers, DATETIME(3) as a Date, JSON as text.
 */
export function connectionOptions(databaseUrl: string): ConnectionOptions {
  return {
    uri: databaseUrl,
    charset: 'utf8mb4',
    timezone: 'Z',
    supportBigNumbers: true,
    bigNumberStrings: false,
    decimalNumbers: true,
    jsonStrings: true,
    stringifyObjects: true,
    connectTimeout: 5_000,
  };
}

/** A pool of prepared connections; who uses it sees to it that nobody waits in it (`ConnectionTurns`). */
export function createDatabasePool(databaseUrl: string, size: number): Pool {
  return createPool({
    ...connectionOptions(databaseUrl), connectionLimit: size,
    // mysql2 looks for unused connections only when not all of them may stay.
    maxIdle: size - 1, idleTimeout: idleMs,
  }).on('connection', prepareSession);
}

/** Sets the session up before its first statement; a connection that refuses is thrown away. */
export function prepareSession(connection: Connection): void {
  // An idle connection that breaks reports it here; the next statement meets it as its own error.
  connection.on('error', () => undefined);
  for (const statement of sessionStatements) {
    connection.query(statement, (error) => {
      if (error) connection.destroy();
    });
  }
}

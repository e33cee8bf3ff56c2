import { createConnection } from 'mysql2/promise';
import { DataSource } from 'typeorm';
import { connectionOptions, createDatabasePool } from './connection';
import { DatabaseError } from './database-error';
import { NamedLock } from './named-lock';
import { type Migration, progressTable, resumable } from './resumable-migration';
import { untilAvailable } from './until-available';

const lockWaitSeconds = 120;
const unknownDatabase = 1049;

/**
 * Brings the database up to date: creates it if it is missing, then runs what has not run yet.
 * Any number of processes may do this at once, and one that was cut off leaves nothing to clean up:
 * the next goes on. Answers the names of what it ran.
 */
export async function runMigrations(
  databaseUrl: string,
  migrations: (new () => Migration)[],
): Promise<string[]> {
  await untilAvailable(() => createIfMissing(databaseUrl));
  const lock = await NamedLock.acquire(databaseUrl, 'migrate', lockWaitSeconds);
  if (lock === undefined) {
    throw new Error(`Another process has been migrating this database for ${lockWaitSeconds} s.`);
  }
  const dataSource = new DataSource({
    type: 'mysql',
    driver: { createPool: () => createDatabasePool(databaseUrl, 1) },
    migrations: migrations.map(resumable),
    migrationsTransactionMode: 'none',
    logging: false,
  });
  try {
    await dataSource.initialize();
    const ran = await dataSource.runMigrations();
    if (ran.length > 0) await dataSource.query(`DROP TABLE IF EXISTS ${progressTable}`);
    return ran.map(({ name }) => name);
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
    await lock.release();
  }
}

/** Asks first, because an account that may use a database need not be allowed to create one. */
async function createIfMissing(databaseUrl: string): Promise<void> {
  try {
    await (await createConnection(connectionOptions(databaseUrl))).end();
  } catch (failure) {
    if (DatabaseError.from(failure).serverErrorNumber !== unknownDatabase) throw failure;
    const server = new URL(databaseUrl);
    const name = server.pathname.slice(1);
    server.pathname = '/';
    const connection = await createConnection(connectionOptions(server.href));
    await connection.query(`CREATE DATABASE IF NOT EXISTS \`${name}\` CHARACTER SET utf8mb4`);
    await connection.end();
  }
}

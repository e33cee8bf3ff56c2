import { migrations } from '../../migrations';
import { ConfigError, readEnvironment, readVariables } from '../config';
import { runMigrations } from '../infra/database';

async function migrate(): Promise<void> {
  const { databaseUrl } = readVariables(readEnvironment(), ['DATABASE_URL']);
  const names = await runMigrations(databaseUrl, migrations);
  for (const name of names) console.log(`migrated ${name}`);
  if (names.length === 0) console.log('the database is up to date');
}

migrate().catch((error: unknown) => {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exitCode = 1;
});

import { migrations } from '../../migrations';
import { ConfigError, loadEnvironment, readVariables } from '../config';
import { runMigrations } from '../infra/database';

async function migrate(): Promise<void> {
  loadEnvironment();
  const { databaseUrl } = readVariables(process.env, ['DATABASE_URL']);
  const names = await runMigrations(databaseUrl, migrations);
  for (const name of names) console.log(`migrated ${name}`);
  if (names.length === 0) console.log('the database is up to date');
}

migrate().catch((error: unknown) => {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exitCode = 1;
});

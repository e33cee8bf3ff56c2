export { Database, type Execution, Transaction } from './database';
export {
  DatabaseError, isCheckViolation, isDuplicateKey, isUnavailable,
} from './database-error';
export { DatabaseModule } from './database.module';
export { InstallationSecrets } from './installation-secrets';
export { runMigrations } from './run-migrations';

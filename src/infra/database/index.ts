export { Database, type Execution, Transaction } from './database';
export {
  DatabaseError, isCheckViolation, isDuplicateKey, isUnanswered, isUnavailable,
} from './database-error';
export { DatabaseModule } from './database.module';
export { InstallationSecrets } from './installation-secrets';
export { runMigrations } from './run-migrations';

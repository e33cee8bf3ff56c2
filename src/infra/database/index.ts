export { onBehalfOfBuyer } from './connection-patience';
export { Database, Transaction } from './database';
export { isCheckViolation, isDuplicateKey, isUnanswered, isUnavailable } from './database-error';
export { DatabaseModule } from './database.module';
export { InstallationSecrets } from './installation-secrets';
export { runMigrations } from './run-migrations';

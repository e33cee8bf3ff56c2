export { AuditLog, type AuditEntry, type Origin, type RecordedEntry } from './audit-log';
export { AuditApiModule, AuditModule } from './audit.module';

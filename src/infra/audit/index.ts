export { AuditLog, type AuditEntry, type RecordedEntry } from './audit-log';
export { AuditApiModule, AuditModule } from './audit.module';
export { originOf, type Origin } from './origin';

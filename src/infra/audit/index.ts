export { AuditLog } from './audit-log';
export { AuditApiModule, AuditModule } from './audit.module';
export { originOf, type Origin } from './origin';

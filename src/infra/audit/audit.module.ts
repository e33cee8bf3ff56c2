import { Global, Module } from '@nestjs/common';
import { AuditLog } from './audit-log';
import { AuditController } from './audit.controller';

@Global()
@Module({ providers: [AuditLog], exports: [AuditLog] })
export class AuditModule {}

@Module({ controllers: [AuditController] })
export class AuditApiModule {}

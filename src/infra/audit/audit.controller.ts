import { Controller, Get } from '@nestjs/common';
import { z } from 'zod';
import { idPattern } from '../../kernel';
import { cursorParameter, Describe, pageOf, pageSchema, Roles, ValidQuery } from '../http';
import { AuditLog } from './audit-log';

const auditQuery = z.strictObject({
  subjectId: z.string().regex(idPattern).optional()
    .meta({ description: 'Only decisions about this; without it, about anything' }),
  cursor: cursorParameter,
});

const auditPage = pageSchema(z.object({
  id: z.string(),
  at: z.iso.datetime(),
  actor: z.string(),
  action: z.string(),
  subjectId: z.string(),
  detail: z.record(z.string(), z.unknown()),
  ip: z.string(),
  traceId: z.string(),
})).meta({
  id: 'AuditPage',
  examples: [{
    items: [{
      id: 'audit_0a1b2c3d4e5f6g7h8j9k', at: '2026-01-31T10:00:00.000Z', actor: 'operator',
      action: 'sale.pause', subjectId: 'sale_0a1b2c3d4e5f6g7h8j9k', detail: {}, ip: '203.0.113.7',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    }],
    nextCursor: null,
  }],
});

@Controller()
@Roles('admin')
export class AuditController {
  constructor(private readonly auditLog: AuditLog) {}

  @Get('admin/v1/audit')
  @Describe({
    summary: 'Who decided what, newest first',
    tag: 'operators',
    answers: { 200: { description: 'A page of decisions.', schema: auditPage } },
  })
  async list(
    @ValidQuery(auditQuery) { subjectId, cursor }: z.output<typeof auditQuery>,
  ): Promise<z.infer<typeof auditPage>> {
    const entries = await this.auditLog.list(cursor, subjectId);
    const { items, nextCursor } = pageOf(entries, (entry) => entry);
    return {
      items: items.map(({ atMs, ...entry }) => ({ ...entry, at: new Date(atMs).toISOString() })),
      nextCursor,
    };
  }
}

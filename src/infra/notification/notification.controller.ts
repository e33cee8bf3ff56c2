import { Controller, Delete, Get, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ProblemError } from '../../kernel';
import { AuditLog, originOf } from '../audit';
import { Database } from '../database';
import {
  cursorParameter, Describe, pageOf, pageSchema, PathId, Roles, ValidQuery,
} from '../http';
import { DeadNotifications } from './dead-notifications';

const deadQuery = z.strictObject({ cursor: cursorParameter });

const deadPage = pageSchema(z.object({
  id: z.string(),
  messageId: z.string().meta({ description: 'The webhook-id that the receiver would have seen' }),
  type: z.string(),
  timestamp: z.iso.datetime().meta({ description: 'When it happened' }),
  data: z.record(z.string(), z.unknown()),
  receiver: z.string().meta({ description: 'The origin of its URL, no more' }),
  at: z.iso.datetime().meta({ description: 'When it was given up' }),
  attempts: z.int(),
  reason: z.string().meta({ description: 'What the last attempt came to' }),
})).meta({
  id: 'DeadNotificationPage',
  examples: [{
    items: [{
      id: 'case_0a1b2c3d4e5f6g7h8j9k-1f2e3d4c', messageId: 'case_0a1b2c3d4e5f6g7h8j9k',
      type: 'risk.case.opened', timestamp: '2026-01-31T10:00:00.000Z', data: { userId: 'alice' },
      receiver: 'https://hooks.example', at: '2026-01-31T10:10:35.000Z', attempts: 8,
      reason: 'The receiver answered with status 500',
    }],
    nextCursor: null,
  }],
});

@Controller()
@Roles('admin', 'risk')
export class NotificationController {
  constructor(
    private readonly dead: DeadNotifications,
    private readonly database: Database,
    private readonly auditLog: AuditLog,
  ) {}

  @Get('admin/v1/notifications/dead')
  @Describe({
    summary: 'Notifications that no attempt could deliver, newest first',
    tag: 'operators',
    answers: { 200: { description: 'A page of them.', schema: deadPage } },
  })
  async list(
    @ValidQuery(deadQuery) { cursor }: z.output<typeof deadQuery>,
  ): Promise<z.infer<typeof deadPage>> {
    const { items, nextCursor } = pageOf(await this.dead.list(cursor), (entry) => entry);
    return {
      items: items.map(({ atMs, ...entry }) => ({ ...entry, at: new Date(atMs).toISOString() })),
      nextCursor,
    };
  }

  @Post('admin/v1/notifications/dead/:id/retry')
  @HttpCode(202)
  @Describe({
    summary: 'Deliver a notification again that was given up',
    tag: 'operators',
    answers: { 202: { description: 'It is tried as often as at first.' } },
    problems: ['NOT_FOUND'],
  })
  async retry(@PathId('id') id: string, @Req() request: FastifyRequest): Promise<void> {
    await this.decide('notification.retry', id, request, () => this.dead.retry(id));
  }

  @Delete('admin/v1/notifications/dead/:id')
  @HttpCode(204)
  @Describe({
    summary: 'Forget a notification that was given up',
    tag: 'operators',
    answers: { 204: { description: 'It is gone.' } },
    problems: ['NOT_FOUND'],
  })
  async remove(@PathId('id') id: string, @Req() request: FastifyRequest): Promise<void> {
    await this.decide('notification.remove', id, request, () => this.dead.remove(id));
  }

  /** The entry of the audit log is rolled back when there is nothing to decide about. */
  private async decide(
    action: string,
    subjectId: string,
    request: FastifyRequest,
    act: () => Promise<boolean>,
  ): Promise<void> {
    await this.database.transaction(async (transaction) => {
      await this.auditLog.record(transaction, {
        ...originOf(userIdOf(request), request), action, subjectId, detail: {},
      });
      if (!(await act())) throw new ProblemError('NOT_FOUND', 'There is no such dead letter.');
    });
  }
}

/** Set by the guard of src/auth, which this folder must not know. */
function userIdOf(request: FastifyRequest): string {
  const { identity } = request as { identity?: { userId: string } };
  return identity?.userId ?? '';
}

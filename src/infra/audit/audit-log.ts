import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../database';
import { pageItemsAtMost, type PageEnd } from '../http';
import { newId } from '../../kernel';
import type { Origin } from './origin';

/** One decision: what was done to what. */
export interface AuditEntry extends Origin {
  /** At most 64 characters: the kind of subject, a dot, what was done to it. */
  action: string;
  subjectId: string;
  /** What else a reader needs to understand it; no secrets. */
  detail: Readonly<Record<string, unknown>>;
}

/** A decision as it was recorded; `atMs` by the clock of the database. */
export interface RecordedEntry extends AuditEntry {
  id: string;
  atMs: number;
}

interface AuditRow {
  id: string;
  at: Date;
  actor: string;
  action: string;
  subject_id: string;
  detail: string;
  ip: string;
  trace_id: string;
}

/** Who decided what and when. Entries are only ever added. */
@Injectable()
export class AuditLog {
  constructor(private readonly database: Database) {}

  /** Adds an entry inside the transaction of the decision: neither exists without the other. */
  async record(transaction: Transaction, entry: AuditEntry): Promise<void> {
    const { actor, action, subjectId, detail, ip, traceId } = entry;
    await transaction.execute(
      `INSERT INTO audit_log (id, actor, action, subject_id, detail, ip, trace_id)
        VALUES (?, ?, ?, ?, ?, ?, ?)`,
      [newId('audit'), actor, action, subjectId, JSON.stringify(detail), ip, traceId]);
  }

  /** Entries after the end of a page, newest first, one more than a page; `subjectId` narrows. */
  async list(after: PageEnd, subjectId?: string): Promise<RecordedEntry[]> {
    const at = new Date(after.atMs);
    const rows = await this.database.query<AuditRow>(
      `SELECT id, at, actor, action, subject_id, detail, ip, trace_id FROM audit_log
        WHERE at <= ? AND (at < ? OR id < ?) ${subjectId === undefined ? '' : 'AND subject_id = ?'}
        ORDER BY at DESC, id DESC LIMIT ?`,
      [at, at, after.id, ...(subjectId === undefined ? [] : [subjectId]), pageItemsAtMost + 1]);
    return rows.map(({ at: recordedAt, subject_id, trace_id, detail, ...row }) => ({
      ...row,
      atMs: recordedAt.getTime(),
      subjectId: subject_id,
      traceId: trace_id,
      detail: JSON.parse(detail) as AuditEntry['detail'],
    }));
  }
}

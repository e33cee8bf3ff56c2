import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../../infra/database';
import { pageItemsAtMost, type PageEnd } from '../../infra/http';
import { blacklistId, type BlacklistEntry, type BlacklistKind, type BlacklistSubject,
  type NewBlacklistEntry } from './blacklist-entry';

/** What has changed after a revision, as one instant of the database shows it. */
export interface BlacklistChanges {
  /** Everything up to this revision is known to whoever takes these changes over. */
  revision: number;
  /** Whoever knows less than this revision may have missed removals: only a whole look helps. */
  forgotten: number;
  put: BlacklistEntry[];
  removed: BlacklistSubject[];
}

interface EntryRow {
  kind: BlacklistKind;
  value: string;
  reason: string;
  created_by: string;
  created_at: Date;
  expires_at: Date | null;
}

interface StateRow { at_revision: number; forgotten: number }
/** A row of the list beside the state; all null where nothing has changed. */
type ChangeRow = StateRow & (EntryRow & { removed_at: Date | null } | { kind: null });

const entryColumns = 'kind, value, reason, created_by, created_at, expires_at';
const isListed = 'removed_at IS NULL AND (expires_at IS NULL OR expires_at > NOW(3))';
/** Every process has read within a day that a row is removed; one that has not reads all anew. */
const isForgettable =
  '(removed_at < NOW(3) - INTERVAL 1 DAY OR expires_at < NOW(3) - INTERVAL 1 DAY)';
const exportedAtOnce = 5_000;

/** Reads and writes rows of `blacklist`. */
@Injectable()
export class BlacklistStore {
  constructor(private readonly database: Database) {}

  /**
   * Takes the next revision, and with it the word until the transaction ends: changes commit in the
   * order of their revisions. Take it before anything of the list is read to be changed, and late
   * in a transaction that has other work. Forgets rows that went out of force a day ago.
   */
  async nextRevision(transaction: Transaction): Promise<number> {
    const { insertId } = await transaction.execute(
      'UPDATE blacklist_revision SET revision = LAST_INSERT_ID(revision + 1)');
    const [gone] = await transaction.query<{ revision: number | null }>(
      `SELECT MAX(revision) AS revision FROM blacklist WHERE ${isForgettable}`);
    if (gone !== undefined && gone.revision !== null) {
      await transaction.execute(
        'UPDATE blacklist_revision SET forgotten = GREATEST(forgotten, ?)', [gone.revision]);
      await transaction.execute(
        `DELETE FROM blacklist WHERE revision <= ? AND ${isForgettable}`, [gone.revision]);
    }
    return insertId;
  }

  /** Writes an entry in the place of one about the same subject; created now by the database. */
  async put(transaction: Transaction, revision: number, entry: NewBlacklistEntry,
    createdBy: string): Promise<BlacklistEntry> {
    const { kind, value, reason, expiresAtMs } = entry;
    await transaction.execute(
      `REPLACE INTO blacklist (kind, value, id, reason, created_by, expires_at, revision)
        VALUES (?, ?, ?, ?, ?, ?, ?)`,
      [kind, value, blacklistId(entry), reason, createdBy,
        expiresAtMs === undefined ? null : new Date(expiresAtMs), revision]);
    const [row] = await transaction.query<{ created_at: Date }>(
      'SELECT created_at FROM blacklist WHERE kind = ? AND value = ?', [kind, value]);
    if (row === undefined) throw new Error('The row that was just written is not there');
    return { ...entry, createdBy, createdAtMs: row.created_at.getTime() };
  }

  /** False when there is no entry about the subject, or it was removed before. */
  async remove(transaction: Transaction, revision: number,
    { kind, value }: BlacklistSubject): Promise<boolean> {
    const { affectedRows } = await transaction.execute(
      `UPDATE blacklist SET removed_at = NOW(3), revision = ?
        WHERE kind = ? AND value = ? AND removed_at IS NULL`, [revision, kind, value]);
    return affectedRows === 1;
  }

  /** The entry about the subject that is in force by the clock of the database. */
  async find({ kind, value }: BlacklistSubject,
    reader: Pick<Transaction, 'query'> = this.database): Promise<BlacklistEntry | undefined> {
    const [row] = await reader.query<EntryRow>(
      `SELECT ${entryColumns} FROM blacklist WHERE kind = ? AND value = ? AND ${isListed}`,
      [kind, value]);
    return row && entryOf(row);
  }

  /** Whether the subject was on the list within the last day. */
  async wasListed(transaction: Transaction, { kind, value }: BlacklistSubject): Promise<boolean> {
    const rows = await transaction.query(
      'SELECT 1 FROM blacklist WHERE kind = ? AND value = ?', [kind, value]);
    return rows.length > 0;
  }

  /** Entries in force after the end of a page, newest first, one more than a page. */
  async list(after: PageEnd, kind?: BlacklistKind): Promise<BlacklistEntry[]> {
    const at = new Date(after.atMs);
    const rows = await this.database.query<EntryRow>(
      `SELECT ${entryColumns} FROM blacklist
        WHERE ${isListed} AND created_at <= ? AND (created_at < ? OR id < ?)
          ${kind === undefined ? '' : 'AND kind = ?'}
        ORDER BY created_at DESC, id DESC LIMIT ?`,
      [at, at, after.id, ...(kind === undefined ? [] : [kind]), pageItemsAtMost + 1]);
    return rows.map(entryOf);
  }

  /** Every entry in force by kind and value, read in steps so that a long list holds up nobody. */
  async *all(kind?: BlacklistKind): AsyncGenerator<BlacklistEntry[]> {
    let last = { kind: '', value: '' };
    for (let isMore = true; isMore;) {
      const rows = await this.database.query<EntryRow>(
        `SELECT ${entryColumns} FROM blacklist
          WHERE ${isListed} AND (kind > ? OR (kind = ? AND value > ?))
            ${kind === undefined ? '' : 'AND kind = ?'}
          ORDER BY kind, value LIMIT ?`,
        [last.kind, last.kind, last.value, ...(kind === undefined ? [] : [kind]), exportedAtOnce]);
      last = rows.at(-1) ?? last;
      isMore = rows.length === exportedAtOnce;
      yield rows.map(entryOf);
    }
  }

  /** What has changed after a revision; everything after 0. One statement, so one instant. */
  async changesAfter(known: number): Promise<BlacklistChanges> {
    const rows = await this.database.query<ChangeRow>(
      `SELECT r.revision AS at_revision, r.forgotten, b.kind, b.value, b.reason, b.created_by,
          b.created_at, b.expires_at, b.removed_at
        FROM blacklist_revision r LEFT JOIN blacklist b ON b.revision > ?`, [known]);
    const [state] = rows;
    if (state === undefined) throw new Error('The one row of blacklist_revision is missing');
    const changes: BlacklistChanges = {
      revision: state.at_revision, forgotten: state.forgotten, put: [], removed: [],
    };
    for (const row of rows) {
      if (row.kind === null) continue;
      if (row.removed_at === null) changes.put.push(entryOf(row));
      else changes.removed.push({ kind: row.kind, value: row.value });
    }
    return changes;
  }
}

function entryOf(row: EntryRow): BlacklistEntry {
  return {
    kind: row.kind,
    value: row.value,
    reason: row.reason,
    createdBy: row.created_by,
    createdAtMs: row.created_at.getTime(),
    ...(row.expires_at !== null && { expiresAtMs: row.expires_at.getTime() }),
  };
}

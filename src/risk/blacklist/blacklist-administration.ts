import { Injectable } from '@nestjs/common';
import { AuditLog, type Origin } from '../../infra/audit';
import { Database, type Transaction } from '../../infra/database';
import { Blacklist } from './blacklist';
import {
  blacklistId, type BlacklistEntry, type BlacklistSubject, type NewBlacklistEntry,
} from './blacklist-entry';
import { BlacklistStore } from './blacklist-store';

/**
 * Every change of the blacklist, with its audit entry in the same transaction. `exclude` and
 * `liftBy` take part in the transaction of a caller, who calls `announce` when it is committed;
 * changes hold one lock of the whole list until then, so call them late.
 */
@Injectable()
export class BlacklistAdministration {
  constructor(
    private readonly database: Database,
    private readonly store: BlacklistStore,
    private readonly auditLog: AuditLog,
    private readonly blacklist: Blacklist,
  ) {}

  /** Puts an entry on the list, in the place of one about the same subject. */
  async put(entry: NewBlacklistEntry, origin: Origin): Promise<BlacklistEntry> {
    const written = await this.database.transaction(async (transaction) => {
      const revision = await this.store.nextRevision(transaction);
      return this.replace(transaction, revision, entry, origin);
    });
    await this.announce();
    return written;
  }

  /** The same for all of these, or for none. */
  async putAll(entries: readonly NewBlacklistEntry[], origin: Origin): Promise<void> {
    await this.database.transaction(async (transaction) => {
      const revision = await this.store.nextRevision(transaction);
      for (const entry of entries) await this.replace(transaction, revision, entry, origin);
    });
    await this.announce();
  }

  /** False when the subject is not on the list, and was not within the last day. */
  async remove(subject: BlacklistSubject, origin: Origin): Promise<boolean> {
    const isGone = await this.database.transaction(async (transaction) =>
      await this.lift(transaction, subject, origin, () => true)
        || this.store.wasListed(transaction, subject));
    await this.announce();
    return isGone;
  }

  /** Excludes at least until the entry's expiry: an entry that lasts longer stays as it is. */
  async exclude(transaction: Transaction, entry: NewBlacklistEntry, origin: Origin): Promise<void> {
    const revision = await this.store.nextRevision(transaction);
    const before = await this.store.find(entry, transaction);
    if (before !== undefined && expiryOf(before) >= expiryOf(entry)) return;
    await this.write(transaction, revision, before, entry, origin);
  }

  /** Takes the subject off the list if this actor put it there; what others decided stays. */
  async liftBy(transaction: Transaction, actor: string, subject: BlacklistSubject,
    origin: Origin): Promise<void> {
    await this.lift(transaction, subject, origin, ({ createdBy }) => createdBy === actor);
  }

  /** Tells every process of committed changes; resolves when this one knows. Never rejects. */
  announce(): Promise<void> {
    return this.blacklist.announce();
  }

  private async replace(transaction: Transaction, revision: number, entry: NewBlacklistEntry,
    origin: Origin): Promise<BlacklistEntry> {
    const before = await this.store.find(entry, transaction);
    return this.write(transaction, revision, before, entry, origin);
  }

  private async write(transaction: Transaction, revision: number,
    before: BlacklistEntry | undefined, entry: NewBlacklistEntry, origin: Origin,
  ): Promise<BlacklistEntry> {
    const after = await this.store.put(transaction, revision, entry, origin.actor);
    await this.record(transaction, 'put', entry, origin,
      { before: factsOf(before), after: factsOf(after) });
    return after;
  }

  private async lift(transaction: Transaction, subject: BlacklistSubject, origin: Origin,
    mayLift: (entry: BlacklistEntry) => boolean): Promise<boolean> {
    const revision = await this.store.nextRevision(transaction);
    const before = await this.store.find(subject, transaction);
    if (before === undefined || !mayLift(before)) return false;
    await this.store.remove(transaction, revision, subject);
    await this.record(transaction, 'remove', subject, origin, { before: factsOf(before) });
    return true;
  }

  private record(transaction: Transaction, operation: 'put' | 'remove', subject: BlacklistSubject,
    origin: Origin, detail: object): Promise<void> {
    const { kind, value } = subject;
    return this.auditLog.record(transaction, { ...origin, action: `blacklist.${operation}`,
      subjectId: blacklistId(subject), detail: { kind, value, ...detail } });
  }
}

function expiryOf({ expiresAtMs = Infinity }: NewBlacklistEntry): number {
  return expiresAtMs;
}

/** What a decision said, for the audit log; null where there was none. */
function factsOf(entry: BlacklistEntry | undefined) {
  if (entry === undefined) return null;
  const { reason, createdBy, expiresAtMs } = entry;
  return { reason, createdBy,
    expiresAt: expiresAtMs === undefined ? null : new Date(expiresAtMs).toISOString() };
}

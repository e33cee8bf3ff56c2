import { Injectable } from '@nestjs/common';
import { AuditLog, type Origin } from '../../infra/audit';
import { Database, isDuplicateKey } from '../../infra/database';
import { pageItemsAtMost, type PageEnd } from '../../infra/http';
import { ProblemError } from '../../kernel';
import { defaultRules } from './default-rules';
import type { RuleSet } from './rule-set';

/** A rule set that is or was in force. Version 0 is the one that the product ships. */
export interface RuleSetVersion {
  readonly version: number;
  readonly set: RuleSet;
  readonly createdBy: string;
  /** Undefined for version 0. */
  readonly createdAtMs?: number;
  readonly note?: string;
}

/** What an operator puts in force, and on which version he has built it, if he says so. */
export interface NewRuleSet {
  readonly set: RuleSet;
  readonly note?: string;
  readonly basedOnVersion?: number;
}

interface RuleSetRow {
  version: number;
  definition: string;
  created_by: string;
  created_at: Date;
  note: string | null;
}

/** In force until an operator puts another. */
export const shipped: RuleSetVersion = { version: 0, set: defaultRules, createdBy: 'fairdrop' };
const columns = 'version, definition, created_by, created_at, note';

/** The versions of the rules in the database: added, never changed. */
@Injectable()
export class RuleSetStore {
  constructor(
    private readonly database: Database,
    private readonly auditLog: AuditLog,
  ) {}

  /** The version in force. */
  async newestVersion(): Promise<number> {
    const [row] = await this.database.query<{ version: number | null }>(
      'SELECT MAX(version) AS version FROM risk_rule_sets');
    return row?.version ?? shipped.version;
  }

  /** The set in force. */
  async newest(): Promise<RuleSetVersion> {
    const [row] = await this.database.query<RuleSetRow>(
      `SELECT ${columns} FROM risk_rule_sets ORDER BY version DESC LIMIT 1`);
    return row ? versionOf(row) : shipped;
  }

  /** Every version in the database. */
  async *newestFirst(): AsyncGenerator<RuleSetVersion> {
    for (let before = Number.MAX_SAFE_INTEGER; ;) {
      const [row] = await this.database.query<RuleSetRow>(
        `SELECT ${columns} FROM risk_rule_sets WHERE version < ? ORDER BY version DESC LIMIT 1`,
        [before]);
      if (!row) return;
      yield versionOf(row);
      before = row.version;
    }
  }

  /** Versions after the end of a page, newest first, one more than a page. */
  async list(after: PageEnd): Promise<RuleSetVersion[]> {
    const at = new Date(after.atMs);
    const rows = await this.database.query<RuleSetRow>(
      `SELECT ${columns} FROM risk_rule_sets
        WHERE created_at <= ? AND (created_at < ? OR version < ?)
        ORDER BY created_at DESC, version DESC LIMIT ?`,
      [at, at, after.id, pageItemsAtMost + 1]);
    return rows.map(versionOf);
  }

  /** Puts a set in force and records who did. Throws RULES_CONFLICT when somebody was faster. */
  async add({ set, note, basedOnVersion }: NewRuleSet, origin: Origin): Promise<void> {
    await this.database.transaction(async (transaction) => {
      const { affectedRows } = await transaction.execute(
        `INSERT INTO risk_rule_sets (version, definition, created_by, note)
          SELECT newest.version + 1, ?, ?, ?
            FROM (SELECT COALESCE(MAX(version), 0) AS version FROM risk_rule_sets) AS newest
            WHERE newest.version = COALESCE(?, newest.version)`,
        [JSON.stringify(set), origin.actor, note ?? null, basedOnVersion ?? null]);
      if (affectedRows === 0) throw conflict();
      const [added] = await transaction.query<{ version: number }>(
        'SELECT MAX(version) AS version FROM risk_rule_sets');
      await this.auditLog.record(transaction, { ...origin, action: 'risk-rules.replace',
        subjectId: `version-${added?.version}`,
        detail: { rules: set.rules.length, note: note ?? null } });
    }).catch((error: unknown) => {
      throw isDuplicateKey(error) ? conflict() : error;
    });
  }
}

function conflict(): ProblemError {
  return new ProblemError('RULES_CONFLICT',
    'Somebody has put other rules in force meanwhile. Read them, then decide again.');
}

function versionOf({ version, definition, created_by, created_at, note }: RuleSetRow) {
  return {
    version, set: JSON.parse(definition) as RuleSet, createdBy: created_by,
    createdAtMs: created_at.getTime(), ...(note !== null && { note }),
  } satisfies RuleSetVersion;
}

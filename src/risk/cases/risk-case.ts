import type { Assessment } from '../rules';

/** What the risk layer refused: who, where, and why. */
export interface Finding {
  userId: string;
  saleId: string;
  ip: string;
  traceId: string;
  deviceId?: string;
  assessment: Pick<Assessment, 'score' | 'findings' | 'signals'>;
}

/** What a reviewer has decided, or nothing yet. */
export type CaseStatus = 'open' | 'dismissed' | 'banned';
export type Decision = 'dismiss' | 'ban';

export const statusAfter = { dismiss: 'dismissed', ban: 'banned' } as const satisfies
  Record<Decision, CaseStatus>;

/** A buyer under review. Times are milliseconds since 1970. */
export interface RiskCase {
  id: string;
  userId: string;
  saleId: string;
  score: number;
  evidence: Omit<Finding, 'userId' | 'saleId'>;
  status: CaseStatus;
  openedAtMs: number;
  decidedAtMs?: number;
  decidedBy?: string;
  note?: string;
  /** Whether everything has been done that follows from the status. */
  isSettled: boolean;
}

export interface RiskCaseRow {
  id: string;
  user_id: string;
  sale_id: string;
  score: string;
  evidence: string | RiskCase['evidence'];
  status: CaseStatus;
  opened_at: Date;
  decided_at: Date | null;
  decided_by: string | null;
  note: string | null;
  settled_at: Date | null;
}

export const riskCaseColumns = `id, user_id, sale_id, score, evidence, status, opened_at,
  decided_at, decided_by, note, settled_at`;

export function toRiskCase(row: RiskCaseRow): RiskCase {
  return {
    id: row.id, userId: row.user_id, saleId: row.sale_id, score: Number(row.score),
    // MariaDB's JSON is a text, MySQL's is read as what it says.
    evidence: typeof row.evidence === 'string'
      ? JSON.parse(row.evidence) as RiskCase['evidence'] : row.evidence,
    status: row.status, openedAtMs: row.opened_at.getTime(),
    ...(row.decided_at && { decidedAtMs: row.decided_at.getTime() }),
    ...(row.decided_by !== null && { decidedBy: row.decided_by }),
    ...(row.note !== null && { note: row.note }),
    isSettled: row.settled_at !== null,
  };
}

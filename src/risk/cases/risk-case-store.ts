import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../../infra/database';
import { pageItemsAtMost, type PageEnd } from '../../infra/http';
import { riskCaseColumns, toRiskCase, type CaseStatus, type Finding, type RiskCase,
  type RiskCaseRow } from './risk-case';

/** Reads and writes rows of `risk_cases`. */
@Injectable()
export class RiskCaseStore {
  constructor(private readonly database: Database) {}

  async find(id: string): Promise<RiskCase | undefined> {
    return this.first('id = ?', [id]);
  }

  async openOf(userId: string): Promise<RiskCase | undefined> {
    return this.first('open_user_id = ?', [userId]);
  }

  /** Cases after the end of a page, newest first, one more than a page; `status` narrows. */
  async list(after: PageEnd, status?: CaseStatus): Promise<RiskCase[]> {
    const at = new Date(after.atMs);
    const rows = await this.database.query<RiskCaseRow>(
      `SELECT ${riskCaseColumns} FROM risk_cases
        WHERE opened_at <= ? AND (opened_at < ? OR id < ?)
          ${status === undefined ? '' : 'AND status = ?'}
        ORDER BY opened_at DESC, id DESC LIMIT ?`,
      [at, at, after.id, ...(status === undefined ? [] : [status]), pageItemsAtMost + 1]);
    return rows.map(toRiskCase);
  }

  async ofUser(userId: string): Promise<RiskCase[]> {
    const rows = await this.database.query<RiskCaseRow>(
      `SELECT ${riskCaseColumns} FROM risk_cases WHERE user_id = ?
        ORDER BY opened_at DESC LIMIT ?`, [userId, pageItemsAtMost]);
    return rows.map(toRiskCase);
  }

  /** Throws a duplicate key when the user has an open case already. */
  async insert(transaction: Transaction, id: string,
    { userId, saleId, ...evidence }: Finding): Promise<void> {
    await transaction.execute(
      `INSERT INTO risk_cases (id, user_id, open_user_id, sale_id, score, evidence)
        VALUES (?, ?, ?, ?, ?, ?)`,
      [id, userId, userId, saleId, evidence.assessment.score, JSON.stringify(evidence)]);
  }

  /** False when the case is decided already. */
  async decide(transaction: Transaction, id: string, status: CaseStatus, decidedBy: string,
    note: string | undefined): Promise<boolean> {
    const { affectedRows } = await transaction.execute(
      `UPDATE risk_cases SET status = ?, open_user_id = NULL, decided_at = NOW(3),
        decided_by = ?, note = ? WHERE id = ? AND status = 'open'`,
      [status, decidedBy, note ?? null, id]);
    return affectedRows === 1;
  }

  /** Decided cases whose orders have not followed yet, the oldest first. */
  async unsettled(): Promise<RiskCase[]> {
    const rows = await this.database.query<RiskCaseRow>(
      `SELECT ${riskCaseColumns} FROM risk_cases
        WHERE settled_at IS NULL AND status IN ('dismissed', 'banned')
        ORDER BY decided_at LIMIT ?`, [pageItemsAtMost]);
    return rows.map(toRiskCase);
  }

  async markSettled(id: string): Promise<void> {
    await this.database.execute(
      'UPDATE risk_cases SET settled_at = NOW(3) WHERE id = ? AND settled_at IS NULL', [id]);
  }

  private async first(condition: string, values: readonly string[]) {
    const [row] = await this.database.query<RiskCaseRow>(
      `SELECT ${riskCaseColumns} FROM risk_cases WHERE ${condition}`, [...values]);
    return row && toRiskCase(row);
  }
}

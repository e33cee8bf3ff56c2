import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../../infra/database';
import { pageItemsAtMost, type PageEnd } from '../../infra/http';
import { riskCaseColumns, toRiskCase, type CaseStatus, type Finding, type RiskCase,
  type RiskCaseRow } from './risk-case';

type Reader = Pick<Transaction, 'query'>;

/** Reads and writes rows of `risk_cases`. */
@Injectable()
export class RiskCaseStore {
  constructor(private readonly database: Database) {}

  async find(id: string, reader: Reader = this.database): Promise<RiskCase | undefined> {
    return this.first('id = ?', [id], reader);
  }

  async openOf(userId: string, reader: Reader = this.database): Promise<RiskCase | undefined> {
    return this.first('open_user_id = ?', [userId], reader);
  }

  /** Whether a reviewer has found nothing wrong with the user within the last day. */
  async isDismissedLately(transaction: Transaction, userId: string): Promise<boolean> {
    const [row] = await transaction.query(
      `SELECT id FROM risk_cases WHERE user_id = ? AND status = 'dismissed'
        AND decided_at > NOW(3) - INTERVAL 1 DAY LIMIT 1`, [userId]);
    return row !== undefined;
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

  /** Does nothing when the user has an open case, or this case is there already. */
  async insertUnlessOpen(transaction: Transaction, id: string,
    { userId, saleId, ...evidence }: Finding): Promise<void> {
    await transaction.execute(
      `INSERT INTO risk_cases (id, user_id, open_user_id, sale_id, score, evidence)
        VALUES (?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE id = id`,
      [id, userId, userId, saleId, evidence.assessment.score, JSON.stringify(evidence)]);
  }

  /** A case that was inserted in the same transaction, and nobody has seen. */
  async removeOpen(transaction: Transaction, id: string): Promise<void> {
    await transaction.execute("DELETE FROM risk_cases WHERE id = ? AND status = 'open'", [id]);
  }

  /** False when the case is decided already. */
  async decide(transaction: Transaction, id: string, status: CaseStatus, decidedBy: string,
    note: string | undefined): Promise<boolean> {
    const { affectedRows } = await transaction.execute(
      `UPDATE risk_cases SET status = ?, open_user_id = NULL, decided_at = NOW(3),
        decided_by = ?, note = ?, settled_at = NULL WHERE id = ? AND status = 'open'`,
      [status, decidedBy, note ?? null, id]);
    return affectedRows === 1;
  }

  /**
   * Decided cases whose orders have not followed yet, and open ones that have been left half done
   * for a minute; the oldest first.
   */
  async unsettled(): Promise<RiskCase[]> {
    const rows = await this.database.query<RiskCaseRow>(
      `SELECT ${riskCaseColumns} FROM risk_cases WHERE settled_at IS NULL
        AND (status <> 'open' OR opened_at < NOW(3) - INTERVAL 1 MINUTE)
        ORDER BY opened_at LIMIT ?`, [pageItemsAtMost]);
    return rows.map(toRiskCase);
  }

  /** Everything that follows from this status is done; says nothing about a later one. */
  async markSettled({ id, status }: RiskCase): Promise<void> {
    await this.database.execute('UPDATE risk_cases SET settled_at = NOW(3) '
      + 'WHERE id = ? AND status = ? AND settled_at IS NULL', [id, status]);
  }

  /** If the case is decided, `unsettled` has it again. */
  async settleAgain(id: string): Promise<void> {
    await this.database.execute(
      `UPDATE risk_cases SET settled_at = NULL WHERE id = ? AND status <> 'open'`, [id]);
  }

  private async first(condition: string, values: readonly string[],
    reader: Reader = this.database) {
    const [row] = await reader.query<RiskCaseRow>(
      `SELECT ${riskCaseColumns} FROM risk_cases WHERE ${condition}`, [...values]);
    return row && toRiskCase(row);
  }
}

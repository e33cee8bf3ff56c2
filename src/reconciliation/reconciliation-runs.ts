import { Injectable } from '@nestjs/common';
import { Database } from '../infra/database';
import { newId } from '../kernel';

export type RunCause = 'schedule' | 'operator';

/** What a run found in one sale; units. */
export interface ReconciliationItem {
  saleId: string;
  /** The drift that stood still over two looks, before any repair. */
  drift: number;
  /** Records and adjustments that were brought in line. */
  repaired: number;
  /** The sale had to be loaded from the database anew. */
  rebuilt: boolean;
  driftAfter: number;
  /** False: a side does not agree with itself, and somebody must look. */
  consistentAfter: boolean;
  inFlight: number;
  /** The sides differed, and not by the same at both looks: work in progress, to be looked at again. */
  moving: boolean;
}

export interface ReconciliationRun {
  id: string;
  cause: RunCause;
  startedAt: Date;
  finishedAt: Date;
  items: ReconciliationItem[];
}

interface RunRow {
  id: string;
  cause: RunCause;
  started_at: Date;
  finished_at: Date;
  items: string | ReconciliationItem[];
}

const keepDays = 7;

@Injectable()
export class ReconciliationRuns {
  constructor(private readonly database: Database) {}

  /** Stores a run, and forgets those older than a week. */
  async store(cause: RunCause, startedAt: Date, items: readonly ReconciliationItem[]) {
    await this.database.execute(
      'INSERT INTO reconciliation_runs (id, cause, started_at, items) VALUES (?, ?, ?, ?)',
      [newId('run'), cause, startedAt, JSON.stringify(items)]);
    await this.database.execute(
      'DELETE FROM reconciliation_runs WHERE started_at < NOW(3) - INTERVAL ? DAY', [keepDays]);
  }

  /** The newest runs first. */
  async list(limit: number): Promise<ReconciliationRun[]> {
    const rows = await this.database.query<RunRow>(
      `SELECT id, cause, started_at, finished_at, items FROM reconciliation_runs
        ORDER BY started_at DESC, id DESC LIMIT ?`, [limit]);
    return rows.map((row) => ({ id: row.id, cause: row.cause, startedAt: row.started_at,
      finishedAt: row.finished_at,
      // MariaDB hands JSON over as text, MySQL parsed.
      items: typeof row.items === 'string' ? JSON.parse(row.items) as ReconciliationItem[]
        : row.items }));
  }
}

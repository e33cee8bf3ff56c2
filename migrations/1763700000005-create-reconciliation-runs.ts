import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What each reconciliation found and repaired, one row a run. */
export class CreateReconciliationRuns1763700000005 implements MigrationInterface {
  name = 'CreateReconciliationRuns1763700000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE reconciliation_runs (
        id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        cause VARCHAR(16) CHARACTER SET ascii NOT NULL,
        started_at DATETIME(3) NOT NULL,
        finished_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        items JSON NOT NULL,
        PRIMARY KEY (id),
        KEY reconciliation_runs_newest (started_at, id),
        CONSTRAINT reconciliation_runs_cause CHECK (cause IN ('schedule', 'operator'))
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE reconciliation_runs');
  }
}

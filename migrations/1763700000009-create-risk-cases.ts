import type { MigrationInterface, QueryRunner } from 'typeorm';

const id = 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin';
const userId = 'VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/**
 * Buyers whom the risk rules refused, with the evidence, until a reviewer has decided.
 * `open_user_id` is the user while the case is open and NULL afterwards: one open case per user.
 * `settled_at`: the orders that the case froze have followed the decision.
 */
export class CreateRiskCases1763700000009 implements MigrationInterface {
  name = 'CreateRiskCases1763700000009';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE risk_cases (
        id ${id} NOT NULL,
        user_id ${userId} NOT NULL,
        open_user_id ${userId} NULL,
        sale_id ${id} NOT NULL,
        score DECIMAL(6, 3) NOT NULL,
        evidence JSON NOT NULL,
        status VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'open',
        opened_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        decided_at DATETIME(3) NULL,
        decided_by ${userId} NULL,
        note VARCHAR(500) NULL,
        settled_at DATETIME(3) NULL,
        PRIMARY KEY (id),
        UNIQUE KEY risk_cases_open (open_user_id),
        KEY risk_cases_by_time (opened_at, id),
        KEY risk_cases_of_user (user_id, opened_at),
        KEY risk_cases_unsettled (settled_at, status),
        CONSTRAINT risk_cases_status CHECK (status IN ('open', 'dismissed', 'banned')),
        CONSTRAINT risk_cases_open_user CHECK ((status = 'open') = (open_user_id IS NOT NULL)),
        CONSTRAINT risk_cases_decided CHECK ((status = 'open') = (decided_at IS NULL))
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE risk_cases');
  }
}

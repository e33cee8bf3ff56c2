import type { MigrationInterface, QueryRunner } from 'typeorm';

const id = 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin';

/** Who decided what, and the secret that makes reservation ids (it must live as long as the orders). */
export class CreateAudit1763700000003 implements MigrationInterface {
  name = 'CreateAudit1763700000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_log (
        id ${id} NOT NULL,
        at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        actor VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
        action VARCHAR(64) CHARACTER SET ascii NOT NULL,
        subject_id ${id} NOT NULL,
        detail JSON NOT NULL,
        ip VARCHAR(45) CHARACTER SET ascii NOT NULL,
        trace_id CHAR(32) CHARACTER SET ascii NOT NULL,
        PRIMARY KEY (id),
        KEY audit_log_newest (at),
        KEY audit_log_of_subject (subject_id, at)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    await runner.query(`
      CREATE TABLE installation_secrets (
        name VARCHAR(64) CHARACTER SET ascii NOT NULL,
        value VARBINARY(64) NOT NULL,
        PRIMARY KEY (name)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['installation_secrets', 'audit_log']) {
      await runner.query(`DROP TABLE ${table}`);
    }
  }
}

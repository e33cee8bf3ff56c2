import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Every rule set that was ever put in force; the newest is. None: the one that the product ships. */
export class CreateRiskRules1763700000008 implements MigrationInterface {
  name = 'CreateRiskRules1763700000008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE risk_rule_sets (
        version INT UNSIGNED NOT NULL,
        definition JSON NOT NULL,
        created_by VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
        created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        note VARCHAR(500) NULL,
        PRIMARY KEY (version),
        CONSTRAINT risk_rule_sets_version CHECK (version > 0)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE risk_rule_sets');
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Who may not buy. Every change takes the next number of the one row of `blacklist_revision` and
 * holds it until its commit, so that numbers commit in their order: whoever has read up to a
 * revision has missed nothing before it. Removed rows stay for a day, to be read as removed;
 * `forgotten` is the highest revision among the rows that are gone for good.
 */
export class CreateBlacklist1763700000007 implements MigrationInterface {
  name = 'CreateBlacklist1763700000007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE blacklist (
        kind VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        value VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        reason VARCHAR(500) NOT NULL,
        created_by VARCHAR(128) COLLATE utf8mb4_bin NOT NULL,
        created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        expires_at DATETIME(3) NULL,
        removed_at DATETIME(3) NULL,
        revision BIGINT NOT NULL,
        PRIMARY KEY (kind, value),
        KEY blacklist_changes (revision),
        KEY blacklist_newest (created_at, id),
        KEY blacklist_expired (expires_at),
        KEY blacklist_removed (removed_at),
        CONSTRAINT blacklist_kind CHECK (kind IN ('user', 'ip', 'device'))
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    await runner.query(`
      CREATE TABLE blacklist_revision (
        id TINYINT NOT NULL,
        revision BIGINT NOT NULL,
        forgotten BIGINT NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT blacklist_revision_is_one CHECK (id = 1)
      ) ENGINE = InnoDB`);
    await runner.query('INSERT INTO blacklist_revision (id, revision, forgotten) VALUES (1, 0, 0)');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['blacklist_revision', 'blacklist']) {
      await runner.query(`DROP TABLE ${table}`);
    }
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

const id = 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin';

/**
 * A sale may be in `segments`: rows of `sales` with `segment_of`, each with a stock of its own. The
 * sale itself has none then. What one segment lends another is written down before it moves.
 */
export class LetASaleLieInSegments1763700000014 implements MigrationInterface {
  name = 'LetASaleLieInSegments1763700000014';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE sales
        ADD COLUMN segments SMALLINT NOT NULL DEFAULT 1,
        ADD COLUMN segment_of ${id} NULL,
        ADD CONSTRAINT sales_segments CHECK (segments BETWEEN 1 AND 64)`);
    // status: begun · done · refused. By it the loans are found that a crash has left half done.
    await runner.query(`
      CREATE TABLE segment_loans (
        sale_id ${id} NOT NULL,
        id ${id} NOT NULL,
        lender ${id} NOT NULL,
        borrower ${id} NOT NULL,
        units BIGINT NOT NULL,
        status VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'begun',
        created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        PRIMARY KEY (sale_id, id),
        KEY segment_loans_open (sale_id, status, created_at),
        CONSTRAINT segment_loans_sale FOREIGN KEY (sale_id) REFERENCES sales (id),
        CONSTRAINT segment_loans_status CHECK (status IN ('begun', 'done', 'refused')),
        CONSTRAINT segment_loans_units CHECK (units > 0)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE segment_loans');
    await runner.query(`ALTER TABLE sales DROP CONSTRAINT sales_segments, DROP COLUMN segments,
      DROP COLUMN segment_of`);
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

const id = 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin';

/**
 * A sale says how its units are given away (`strategy`) and what becomes of it while Redis is gone
 * (`redis_outage`). `gate` names the side that admits buyers now; it changes together with the epoch,
 * so that whoever still believes in the other side is refused.
 */
export class AllowSellingWithoutRedis1763700000011 implements MigrationInterface {
  name = 'AllowSellingWithoutRedis1763700000011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE sales
        ADD COLUMN strategy VARCHAR(24) CHARACTER SET ascii NOT NULL DEFAULT 'lua',
        ADD COLUMN redis_outage VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'pause',
        ADD CONSTRAINT sales_strategy CHECK (strategy IN ('lua', 'tokens', 'database-optimistic',
          'database-row-lock', 'database-unit-rows', 'segment-lock')),
        ADD CONSTRAINT sales_redis_outage CHECK (redis_outage IN ('pause', 'database'))`);
    // version: counts the changes of the row, for the strategy that compares it.
    await runner.query(`
      ALTER TABLE sale_stock
        ADD COLUMN gate VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'redis',
        ADD COLUMN gate_since DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        ADD COLUMN version BIGINT NOT NULL DEFAULT 0,
        ADD CONSTRAINT sale_stock_gate CHECK (gate IN ('redis', 'database', 'closed'))`);
    // A row per unit of a sale with the strategy database-unit-rows.
    await runner.query(`
      CREATE TABLE stock_units (
        sale_id ${id} NOT NULL,
        unit INT NOT NULL,
        rid ${id} NULL,
        PRIMARY KEY (sale_id, unit),
        KEY stock_units_by_holder (sale_id, rid),
        CONSTRAINT stock_units_sale FOREIGN KEY (sale_id) REFERENCES sales (id)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    // fence: the highest number of a lock whose holder wrote here; one with a lower number is late.
    await runner.query(`
      CREATE TABLE stock_segments (
        sale_id ${id} NOT NULL,
        segment SMALLINT NOT NULL,
        total BIGINT NOT NULL,
        allocated BIGINT NOT NULL DEFAULT 0,
        fence BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (sale_id, segment),
        CONSTRAINT stock_segments_sale FOREIGN KEY (sale_id) REFERENCES sales (id),
        CONSTRAINT stock_segments_never_oversold CHECK (allocated >= 0 AND allocated <= total)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    await runner.query(`
      CREATE TABLE stock_segment_holds (
        sale_id ${id} NOT NULL,
        rid ${id} NOT NULL,
        segment SMALLINT NOT NULL,
        quantity INT NOT NULL,
        PRIMARY KEY (sale_id, rid, segment),
        CONSTRAINT stock_segment_holds_sale FOREIGN KEY (sale_id) REFERENCES sales (id)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    // What Redis keeps in its hash of spent proofs, for purchases that it did not admit.
    await runner.query(`
      CREATE TABLE spent_proofs (
        sale_id ${id} NOT NULL,
        proof_id ${id} NOT NULL,
        rid ${id} NOT NULL,
        PRIMARY KEY (sale_id, proof_id),
        CONSTRAINT spent_proofs_sale FOREIGN KEY (sale_id) REFERENCES sales (id)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    // One row: when a process that sells last saw Redis. Nobody leaves Redis while another uses it.
    await runner.query(`
      CREATE TABLE redis_sighting (
        id TINYINT NOT NULL,
        seen_at DATETIME(3) NOT NULL,
        PRIMARY KEY (id)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    await runner.query('INSERT INTO redis_sighting (id, seen_at) VALUES (1, NOW(3))');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['redis_sighting', 'spent_proofs', 'stock_segment_holds', 'stock_segments',
      'stock_units']) {
      await runner.query(`DROP TABLE ${table}`);
    }
    await runner.query(`ALTER TABLE sale_stock DROP CONSTRAINT sale_stock_gate, DROP COLUMN gate,
      DROP COLUMN gate_since, DROP COLUMN version`);
    await runner.query(`ALTER TABLE sales DROP CONSTRAINT sales_strategy,
      DROP CONSTRAINT sales_redis_outage, DROP COLUMN strategy, DROP COLUMN redis_outage`);
  }
}

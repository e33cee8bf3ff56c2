import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `device_id`: what the buyer's client called itself, evidence for a review. `holds`: how often the
 * order has taken its units, since a thawed order takes them again and the ledger names each time.
 */
export class AddBuyerEvidenceToOrders1763700000006 implements MigrationInterface {
  name = 'AddBuyerEvidenceToOrders1763700000006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE orders
        ADD COLUMN device_id VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
        ADD COLUMN holds SMALLINT NOT NULL DEFAULT 1`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE orders DROP COLUMN holds, DROP COLUMN device_id');
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Whoever was slow to pay an order, or to refund it, finds out there. `payment_id`: what has paid it;
 * `payments_void_until`: payments that were made until then have gone back, and pay it no more.
 */
export class NameThePaymentInTheOrder1763700000015 implements MigrationInterface {
  name = 'NameThePaymentInTheOrder1763700000015';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of ['orders', 'archived_orders']) {
      await runner.query(`ALTER TABLE ${table}
        ADD COLUMN payment_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
        ADD COLUMN payments_void_until DATETIME(3) NULL`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['archived_orders', 'orders']) {
      await runner.query(`ALTER TABLE ${table} DROP COLUMN payments_void_until, DROP COLUMN payment_id`);
    }
  }
}

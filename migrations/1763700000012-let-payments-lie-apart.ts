import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A payment names its order without a foreign key: the two may lie on different servers. A payment is
 * made only for a row that was read, and no order is ever deleted.
 */
export class LetPaymentsLieApart1763700000012 implements MigrationInterface {
  name = 'LetPaymentsLieApart1763700000012';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE payments DROP FOREIGN KEY payments_order');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE payments
      ADD CONSTRAINT payments_order FOREIGN KEY (order_rid) REFERENCES orders (rid)`);
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Money that comes while an order is frozen goes back; once thawed, the order is paid by another
 * payment. Which one may pay it is still one: the primary key of `order_payments` says so.
 */
export class AllowAnotherPaymentOfAnOrder1763700000010 implements MigrationInterface {
  name = 'AllowAnotherPaymentOfAnOrder1763700000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE payments
      ADD KEY payments_of_order (order_rid), DROP KEY payments_one_per_order`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE payments
      ADD UNIQUE KEY payments_one_per_order (order_rid), DROP KEY payments_of_order`);
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Rows of sales that are long over, out of the way of those that sell. The archive of a table has its
 * columns in its sequence, and its rows lie together by sale. `archived_at`: nothing is left to move.
 */
export class KeepEndedSalesApart1763700000013 implements MigrationInterface {
  name = 'KeepEndedSalesApart1763700000013';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of ['orders', 'stock_ledger', 'buyer_quotas']) {
      await runner.query(`CREATE TABLE archived_${table} LIKE ${table}`);
    }
    await runner.query(`
      ALTER TABLE archived_orders
        DROP PRIMARY KEY, ADD PRIMARY KEY (sale_id, rid), ADD KEY archived_orders_by_id (rid),
        DROP KEY orders_of_sale, DROP KEY orders_overdue, DROP KEY orders_overdue_of_sale`);
    await runner.query(`
      ALTER TABLE sales
        ADD COLUMN archived_at DATETIME(3) NULL, ADD KEY sales_to_archive (archived_at, retired_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE sales DROP KEY sales_to_archive, DROP COLUMN archived_at');
    for (const table of ['buyer_quotas', 'stock_ledger', 'orders']) {
      await runner.query(`INSERT INTO ${table} SELECT * FROM archived_${table}`);
      await runner.query(`DROP TABLE archived_${table}`);
    }
  }
}

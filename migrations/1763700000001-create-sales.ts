import type { MigrationInterface, QueryRunner } from 'typeorm';

const id = 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin';

/**
 * What is offered, and how many units of it the database has given away.
 * Money is in minor units, times are UTC with milliseconds.
 */
export class CreateSales1763700000001 implements MigrationInterface {
  name = 'CreateSales1763700000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE products (
        id ${id} NOT NULL,
        name VARCHAR(200) NOT NULL,
        description VARCHAR(4000) NULL,
        image_url VARCHAR(1000) NULL,
        created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        PRIMARY KEY (id),
        KEY products_newest (created_at, id)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    // status holds what operators decided; scheduled, open and sold_out follow from it and the clock.
    // retired_at: the sale is over and nothing of it is in flight; the loops pass it by.
    await runner.query(`
      CREATE TABLE sales (
        id ${id} NOT NULL,
        product_id ${id} NOT NULL,
        status VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'draft',
        price_amount BIGINT NOT NULL,
        price_currency CHAR(3) CHARACTER SET ascii NOT NULL,
        limit_per_user INT NOT NULL,
        opens_at DATETIME(3) NOT NULL,
        closes_at DATETIME(3) NOT NULL,
        pay_window_seconds INT NOT NULL,
        protection JSON NOT NULL,
        created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        updated_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
        retired_at DATETIME(3) NULL,
        PRIMARY KEY (id),
        KEY sales_live (retired_at, status),
        KEY sales_newest (created_at, id),
        CONSTRAINT sales_product FOREIGN KEY (product_id) REFERENCES products (id),
        CONSTRAINT sales_status CHECK (status IN ('draft', 'active', 'paused', 'closed')),
        CONSTRAINT sales_price CHECK (price_amount >= 0),
        CONSTRAINT sales_limit CHECK (limit_per_user >= 1),
        CONSTRAINT sales_window CHECK (closes_at > opens_at),
        CONSTRAINT sales_pay_window CHECK (pay_window_seconds >= 1)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    // epoch: one generation of the sale's Redis state; seq: the highest reservation number written.
    await runner.query(`
      CREATE TABLE sale_stock (
        sale_id ${id} NOT NULL,
        epoch INT NOT NULL DEFAULT 0,
        total BIGINT NOT NULL,
        allocated BIGINT NOT NULL DEFAULT 0,
        seq BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (sale_id),
        CONSTRAINT sale_stock_sale FOREIGN KEY (sale_id) REFERENCES sales (id),
        CONSTRAINT sale_stock_never_oversold CHECK (allocated >= 0 AND allocated <= total)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    await runner.query(`
      CREATE TABLE stock_adjustments (
        sale_id ${id} NOT NULL,
        id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
        delta BIGINT NOT NULL,
        reason VARCHAR(500) NOT NULL,
        status VARCHAR(16) CHARACTER SET ascii NOT NULL,
        actor VARCHAR(128) COLLATE utf8mb4_bin NOT NULL,
        trace_id CHAR(32) CHARACTER SET ascii NOT NULL,
        created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        updated_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
        PRIMARY KEY (sale_id, id),
        KEY stock_adjustments_unfinished (status, updated_at),
        CONSTRAINT stock_adjustments_sale FOREIGN KEY (sale_id) REFERENCES sales (id),
        CONSTRAINT stock_adjustments_delta CHECK (delta <> 0),
        CONSTRAINT stock_adjustments_status CHECK (status IN ('pending', 'in_database', 'done', 'refused'))
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['stock_adjustments', 'sale_stock', 'sales', 'products']) {
      await runner.query(`DROP TABLE ${table}`);
    }
  }
}

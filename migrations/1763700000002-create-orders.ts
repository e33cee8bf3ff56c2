import type { MigrationInterface, QueryRunner } from 'typeorm';

const id = 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin';
const userId = 'VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/**
 * The durable life of an order, the ledger of every unit that moved, and the limit per buyer.
 * An order and the tombstone of a reservation that never became one compete for `orders.rid`.
 * Foreign keys go to `sales`: an insert locks what it refers to, and two batches that both hold a
 * shared lock on the row in `sale_stock` deadlock as soon as they update it.
 */
export class CreateOrders1763700000002 implements MigrationInterface {
  name = 'CreateOrders1763700000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE orders (
        rid ${id} NOT NULL,
        sale_id ${id} NOT NULL,
        user_id ${userId} NOT NULL,
        quantity INT NOT NULL,
        amount BIGINT NOT NULL,
        currency CHAR(3) CHARACTER SET ascii NOT NULL,
        status VARCHAR(16) CHARACTER SET ascii NOT NULL,
        reason VARCHAR(64) CHARACTER SET ascii NULL,
        fingerprint VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        epoch INT NOT NULL,
        seq BIGINT NOT NULL,
        trace_id CHAR(32) CHARACTER SET ascii NOT NULL,
        reserved_at DATETIME(3) NOT NULL,
        created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        expires_at DATETIME(3) NOT NULL,
        paid_at DATETIME(3) NULL,
        closed_at DATETIME(3) NULL,
        PRIMARY KEY (rid),
        KEY orders_of_sale (sale_id, rid),
        KEY orders_overdue (status, expires_at),
        KEY orders_overdue_of_sale (sale_id, status, expires_at, quantity),
        KEY orders_of_user (user_id, reserved_at, rid),
        CONSTRAINT orders_sale FOREIGN KEY (sale_id) REFERENCES sales (id),
        CONSTRAINT orders_quantity CHECK (quantity BETWEEN 1 AND 1000),
        CONSTRAINT orders_amount CHECK (amount >= 0),
        CONSTRAINT orders_status CHECK (status IN ('pending_payment', 'paid', 'cancelled', 'expired',
          'frozen', 'rejected', 'refunded')),
        CONSTRAINT orders_rejected_with_reason CHECK (status <> 'rejected' OR reason IS NOT NULL),
        CONSTRAINT orders_paid_at CHECK (status NOT IN ('paid', 'refunded') OR paid_at IS NOT NULL)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    // movement_id names the one thing that moved units, so that it cannot move them twice.
    // Per sale, the sum of both deltas over all rows is the total, the sum of allocated_delta is
    // what orders hold.
    await runner.query(`
      CREATE TABLE stock_ledger (
        sale_id ${id} NOT NULL,
        movement_id VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
        kind VARCHAR(16) CHARACTER SET ascii NOT NULL,
        rid ${id} NULL,
        available_delta BIGINT NOT NULL,
        allocated_delta BIGINT NOT NULL,
        allocated_before BIGINT NOT NULL,
        allocated_after BIGINT NOT NULL,
        source VARCHAR(32) CHARACTER SET ascii NOT NULL,
        user_id ${userId} NOT NULL,
        ip VARCHAR(45) CHARACTER SET ascii NOT NULL,
        trace_id CHAR(32) CHARACTER SET ascii NOT NULL,
        created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        PRIMARY KEY (sale_id, movement_id),
        CONSTRAINT stock_ledger_sale FOREIGN KEY (sale_id) REFERENCES sales (id),
        CONSTRAINT stock_ledger_kind CHECK (kind IN ('stock', 'allocate', 'release')),
        CONSTRAINT stock_ledger_adds_up CHECK (allocated_after = allocated_before + allocated_delta),
        CONSTRAINT stock_ledger_conserves CHECK (kind = 'stock' OR available_delta = -allocated_delta)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    await runner.query(`
      CREATE TABLE buyer_quotas (
        sale_id ${id} NOT NULL,
        user_id ${userId} NOT NULL,
        quantity INT NOT NULL,
        limit_per_user INT NOT NULL,
        PRIMARY KEY (sale_id, user_id),
        CONSTRAINT buyer_quotas_sale FOREIGN KEY (sale_id) REFERENCES sales (id),
        CONSTRAINT buyer_quotas_within_limit CHECK (quantity >= 0 AND quantity <= limit_per_user)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['buyer_quotas', 'stock_ledger', 'orders']) {
      await runner.query(`DROP TABLE ${table}`);
    }
  }
}

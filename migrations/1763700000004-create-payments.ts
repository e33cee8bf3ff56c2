import type { MigrationInterface, QueryRunner } from 'typeorm';

const id = 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin';

/** Money for orders, what the gateway told us about it, and the sandbox that plays a gateway. */
export class CreatePayments1763700000004 implements MigrationInterface {
  name = 'CreatePayments1763700000004';

  async up(runner: QueryRunner): Promise<void> {
    // reference and checkout_url are the gateway's; null until it has confirmed the start.
    // next_check_at: when the schedule looks at the payment again; null when nothing is left to do.
    await runner.query(`
      CREATE TABLE payments (
        id ${id} NOT NULL,
        order_rid ${id} NOT NULL,
        replacement_rid ${id} NULL,
        amount BIGINT NOT NULL,
        currency CHAR(3) CHARACTER SET ascii NOT NULL,
        status VARCHAR(16) CHARACTER SET ascii NOT NULL,
        reason VARCHAR(64) CHARACTER SET ascii NULL,
        reference VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL,
        checkout_url VARCHAR(1000) NULL,
        pay_before DATETIME(3) NOT NULL,
        trace_id CHAR(32) CHARACTER SET ascii NOT NULL,
        checks INT NOT NULL DEFAULT 0,
        next_check_at DATETIME(3) NULL,
        created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        refunded_at DATETIME(3) NULL,
        PRIMARY KEY (id),
        UNIQUE KEY payments_one_per_order (order_rid),
        UNIQUE KEY payments_one_per_replacement (replacement_rid),
        KEY payments_to_check (next_check_at),
        CONSTRAINT payments_order FOREIGN KEY (order_rid) REFERENCES orders (rid),
        CONSTRAINT payments_amount CHECK (amount >= 0),
        CONSTRAINT payments_status CHECK (status IN ('started', 'failed', 'received', 'succeeded',
          'late', 'applied', 'refunding', 'refunded')),
        CONSTRAINT payments_applied_somewhere
          CHECK (status <> 'applied' OR replacement_rid IS NOT NULL),
        CONSTRAINT payments_unfinished_are_checked
          CHECK (status NOT IN ('received', 'late', 'refunding') OR next_check_at IS NOT NULL),
        CONSTRAINT payments_refunded_at CHECK (status <> 'refunded' OR refunded_at IS NOT NULL)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    // The one payment whose money may pay an order, be it the order's own or one that came late
    // for another. A replacement has no row in orders yet when it is taken, so no foreign key.
    await runner.query(`
      CREATE TABLE order_payments (
        order_rid ${id} NOT NULL,
        payment_id ${id} NOT NULL,
        PRIMARY KEY (order_rid),
        CONSTRAINT order_payments_payment FOREIGN KEY (payment_id) REFERENCES payments (id)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    await runner.query(`
      CREATE TABLE processed_webhooks (
        id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        type VARCHAR(32) CHARACTER SET ascii NOT NULL,
        payment_id ${id} NOT NULL,
        received_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        PRIMARY KEY (id),
        KEY processed_webhooks_age (received_at)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
    // Somebody else's books: nothing here refers to our rows. succeeds_at: "pay late" was pressed.
    await runner.query(`
      CREATE TABLE sandbox_payments (
        id ${id} NOT NULL,
        order_id ${id} NOT NULL,
        amount BIGINT NOT NULL,
        currency CHAR(3) CHARACTER SET ascii NOT NULL,
        status VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'open',
        pay_before DATETIME(3) NOT NULL,
        succeeds_at DATETIME(3) NULL,
        refund_key VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
        refunded_amount BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (id),
        KEY sandbox_payments_late (succeeds_at),
        CONSTRAINT sandbox_payments_status
          CHECK (status IN ('open', 'succeeded', 'failed', 'refunded')),
        CONSTRAINT sandbox_payments_refund_once
          CHECK (refunded_amount >= 0 AND refunded_amount <= amount)
      ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['sandbox_payments', 'processed_webhooks', 'order_payments', 'payments']) {
      await runner.query(`DROP TABLE ${table}`);
    }
  }
}

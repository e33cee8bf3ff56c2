import { Injectable } from '@nestjs/common';
import { Database, isDuplicateKey, type Transaction } from '../infra/database';
import { newId } from '../kernel';
import type { Order } from '../order';
import { paymentColumns, toPayment, type Payment, type PaymentRow } from './payment';
import { firstCheckSeconds, type PaymentStatus } from './payment-status';

/** So often it is asked about a payment whose order is frozen, in case that nobody tells of its thaw. */
const whileFrozenSeconds = 300;

/** What else changes together with the status. */
export interface PaymentChange {
  reason?: string;
}

/** The SQL of payments. */
@Injectable()
export class PaymentStore {
  constructor(private readonly database: Database) {}

  async find(id: string): Promise<Payment | undefined> {
    const [row] = await this.database.query<PaymentRow>(
      `SELECT ${paymentColumns} FROM payments WHERE id = ?`, [id]);
    return row && toPayment(row);
  }

  /** The payment whose money may pay this order: its own, or late money of another order. */
  async ofOrder(orderId: string): Promise<Payment | undefined> {
    const [row] = await this.database.query<PaymentRow>(
      `SELECT ${paymentColumns} FROM payments
        WHERE id = (SELECT payment_id FROM order_payments WHERE order_rid = ?)`, [orderId]);
    return row && toPayment(row);
  }

  /** The row, held until the transaction ends. Throws when there is none. */
  async lock(transaction: Transaction, id: string): Promise<Payment> {
    const [row] = await transaction.query<PaymentRow>(
      `SELECT ${paymentColumns} FROM payments WHERE id = ? FOR UPDATE`, [id]);
    if (!row) throw new Error(`The payment ${id} is not there`);
    return toPayment(row);
  }

  /**
   * The payment of this order, made now or by whoever was quicker. `insteadOf`: an earlier payment,
   * refunded for good, whose place it takes.
   */
  async create(order: Order, traceId: string, insteadOf?: string): Promise<Payment> {
    const id = newId('payment');
    try {
      await this.database.transaction(async (transaction) => {
        await transaction.execute(
          `INSERT INTO payments (id, order_rid, amount, currency, status, pay_before, trace_id,
            next_check_at, created_at)
            SELECT ?, ?, ?, ?, 'started', ?, ?, NOW(3) + INTERVAL ? SECOND,
              GREATEST(NOW(3), COALESCE(MAX(created_at) + INTERVAL 1000 MICROSECOND, NOW(3)))
              FROM payments WHERE id = ?`,
          [id, order.id, order.amount, order.currency, order.expiresAt, traceId,
            firstCheckSeconds.started, insteadOf ?? null]);
        if (insteadOf !== undefined) {
          await transaction.execute(
            'DELETE FROM order_payments WHERE order_rid = ? AND payment_id = ?',
            [order.id, insteadOf]);
        }
        await this.takeOrder(transaction, order.id, id);
      });
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
    const payment = await this.ofOrder(order.id);
    if (!payment) throw new Error(`The payment of ${order.id} is neither there nor can it be made`);
    return payment;
  }

  /** The order may be paid for longer: the schedule asks about its payment as about a new one. */
  async prolong(orderId: string, payBefore: Date): Promise<void> {
    await this.database.execute(
      `UPDATE payments SET pay_before = ?,
          checks = IF(status IN ('started', 'failed'), 0, checks),
          next_check_at = IF(status IN ('started', 'failed'), NOW(3) + INTERVAL ? SECOND, next_check_at)
        WHERE id = (SELECT payment_id FROM order_payments WHERE order_rid = ?) AND order_rid = ?
          AND pay_before < ?`,
      [payBefore, firstCheckSeconds.started, orderId, orderId, payBefore]);
  }

  /** The order may be thawed any time, and its buyer may still have the checkout before him. */
  async checkSoon(id: string): Promise<void> {
    await this.database.execute(
      `UPDATE payments SET next_check_at = LEAST(next_check_at, NOW(3) + INTERVAL ? SECOND)
        WHERE id = ? AND status IN ('started', 'failed')`, [whileFrozenSeconds, id]);
  }

  /** What nobody has paid a day after its deadline is asked about no more; a webhook still counts. */
  async stopChecks(id: string): Promise<void> {
    await this.database.execute(
      `UPDATE payments SET next_check_at = NULL
        WHERE id = ? AND status IN ('started', 'failed') AND pay_before < NOW(3) - INTERVAL 1 DAY`, [id]);
  }

  /** What the gateway answered to the start. */
  async recordStart(id: string, reference: string, checkoutUrl: string): Promise<void> {
    await this.database.execute('UPDATE payments SET reference = ?, checkout_url = ? WHERE id = ?',
      [reference, checkoutUrl, id]);
  }

  /** One guarded change of status; false when the payment is no longer what it was. */
  async change(transaction: Transaction, { id, status }: Payment, to: PaymentStatus,
    { reason }: PaymentChange): Promise<boolean> {
    // A payment that starts again has to be confirmed by the gateway again. It keeps the reference:
    // the buyer may still pay at the checkout of before, and the gateway can be asked about that.
    const { affectedRows } = await transaction.execute(
      `UPDATE payments SET status = ?, checks = 0, next_check_at = NOW(3) + INTERVAL ? SECOND,
          reason = COALESCE(?, reason), refunded_at = IF(? = 'refunded', NOW(3), refunded_at),
          checkout_url = IF(? = 'started', NULL, checkout_url)
        WHERE id = ? AND status = ?`,
      [to, firstCheckSeconds[to], reason ?? null, to, to, id, status]);
    return affectedRows === 1;
  }

  /**
   * Decides that late money is meant for this order. False when it no longer is late, or when the
   * order already has a payment of its own.
   */
  async claimReplacement(id: string, orderId: string): Promise<boolean> {
    try {
      return await this.database.transaction(async (transaction) => {
        const payment = await this.lock(transaction, id);
        if (payment.status !== 'late') return false;
        if (payment.replacementOrderId === orderId) return true;
        await this.takeOrder(transaction, orderId, id);
        await transaction.execute('UPDATE payments SET replacement_rid = ? WHERE id = ?',
          [orderId, id]);
        return true;
      });
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  /** False when this webhook was processed before. The row appears only with its effect. */
  async rememberWebhook(transaction: Transaction, webhook: { id: string; type: string },
    paymentId: string): Promise<boolean> {
    const { affectedRows } = await transaction.execute(
      'INSERT IGNORE INTO processed_webhooks (id, type, payment_id) VALUES (?, ?, ?)',
      [webhook.id, webhook.type, paymentId]);
    return affectedRows === 1;
  }

  /** A provider gives a delivery up long before: state guards hold without the row, too. */
  async forgetOldWebhooks(): Promise<void> {
    await this.database.execute(
      'DELETE FROM processed_webhooks WHERE received_at < NOW(3) - INTERVAL 30 DAY LIMIT 1000');
  }

  /**
   * Takes payments whose check is due, each for one worker, and sets the next check: 15 s, 30 s, …
   * up to an hour while a buyer may pay, up to two minutes while we owe the next step.
   */
  async takeDue(limit: number): Promise<string[]> {
    return this.database.transaction(async (transaction) => {
      const rows = await transaction.query<{ id: string }>(
        `SELECT id FROM payments WHERE next_check_at <= NOW(3) ORDER BY next_check_at LIMIT ?
          FOR UPDATE SKIP LOCKED`, [limit]);
      const ids = rows.map(({ id }) => id);
      if (ids.length === 0) return ids;
      await transaction.execute(
        `UPDATE payments SET
            next_check_at = NOW(3) + INTERVAL
              LEAST(IF(status IN ('started', 'failed'), 3600, 120), 15 << LEAST(checks, 8)) SECOND,
            checks = checks + 1
          WHERE id IN (?)`, [ids]);
      return ids;
    });
  }

  /** Throws a duplicate key when the order has its payment already. */
  private async takeOrder(transaction: Transaction, orderId: string, id: string): Promise<void> {
    await transaction.execute('INSERT INTO order_payments (order_rid, payment_id) VALUES (?, ?)',
      [orderId, id]);
  }
}

import { Inject, Injectable, Logger } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../../config';
import { Database } from '../../infra/database';
import { newId } from '../../kernel';
import type { GatewayPayment } from '../payment-gateway';
import { WebhookSignature } from '../webhook-signature';

const deliveryTimeoutMs = 5_000;
const playedAtOnce = 100;

/** A payment as the sandbox has it; amount in minor units. */
export interface SandboxPayment extends GatewayPayment {
  status: 'open' | 'succeeded' | 'failed' | 'refunded';
  /** "Pay late" was pressed: when it will succeed. */
  succeedsAt: Date | null;
}

/**
 * Plays a payment provider: has books of its own, knows nothing of ours, and reports by signed
 * webhooks over real HTTP. A report that is lost is not sent again, which is what the scheduled
 * check is for.
 */
@Injectable()
export class SandboxProvider {
  private readonly logger = new Logger('Sandbox');

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly database: Database,
    private readonly signature: WebhookSignature,
  ) {}

  /** The same payment when it is there already; one that failed can be paid again. */
  async open({ id, orderId, amount, currency, payBefore }: GatewayPayment): Promise<void> {
    await this.database.execute(
      `INSERT INTO sandbox_payments (id, order_id, amount, currency, pay_before)
        VALUES (?, ?, ?, ?, ?)
        ON DUPLICATE KEY UPDATE status = IF(status = 'failed', 'open', status)`,
      [id, orderId, amount, currency, payBefore]);
  }

  async find(id: string): Promise<SandboxPayment | undefined> {
    const [payment] = await this.database.query<SandboxPayment>(
      `SELECT id, order_id AS orderId, amount, currency, pay_before AS payBefore, status,
          succeeds_at AS succeedsAt
        FROM sandbox_payments WHERE id = ?`, [id]);
    return payment;
  }

  /** "Pay" and "fail": false when the payment was not open. */
  async decide(id: string, status: 'succeeded' | 'failed'): Promise<boolean> {
    const { affectedRows } = await this.database.execute(
      "UPDATE sandbox_payments SET status = ?, succeeds_at = NULL WHERE id = ? AND status = 'open'",
      [status, id]);
    if (affectedRows !== 1) return false;
    await this.report(id, status);
    return true;
  }

  /** "Pay late": the money comes a second after the time to pay. False when it was not open. */
  async promiseLate(id: string): Promise<boolean> {
    const { affectedRows } = await this.database.execute(
      `UPDATE sandbox_payments SET succeeds_at = pay_before + INTERVAL 1 SECOND
        WHERE id = ? AND status = 'open'`, [id]);
    return affectedRows === 1;
  }

  /** Pays what was promised for now. */
  async payLate(): Promise<void> {
    const due = await this.database.query<{ id: string }>(
      `SELECT id FROM sandbox_payments WHERE succeeds_at <= NOW(3) AND status = 'open' LIMIT ?`,
      [playedAtOnce]);
    for (const { id } of due) await this.decide(id, 'succeeded');
  }

  /** Sends money back; the same key is the same refund. Throws when it went back under another. */
  async refund(id: string, key: string, amount: number): Promise<void> {
    const { affectedRows } = await this.database.execute(
      `UPDATE sandbox_payments SET status = 'refunded', refund_key = ?, succeeds_at = NULL,
          refunded_amount = refunded_amount + ?
        WHERE id = ? AND (refund_key IS NULL OR refund_key <> ?)`, [key, amount, id, key]);
    if (affectedRows === 0 && !await this.find(id)) {
      throw new Error('The sandbox does not know this payment');
    }
  }

  private async report(id: string, status: 'succeeded' | 'failed'): Promise<void> {
    const payment = await this.find(id);
    if (!payment) return;
    const { orderId, amount, currency } = payment;
    const body = JSON.stringify({ type: `payment.${status}`,
      data: { orderId, paymentId: id, amount, currency } });
    try {
      const answer = await fetch(`${this.config.publicUrl}/v1/webhooks/payments`, {
        method: 'POST',
        headers: { 'content-type': 'application/json',
          ...this.signature.sign(newId('webhook'), body) },
        body,
        signal: AbortSignal.timeout(deliveryTimeoutMs),
      });
      if (!answer.ok) throw new Error(`It was answered with ${answer.status}`);
    } catch (error) {
      this.logger.warn({ msg: 'webhook not delivered, the scheduled check will ask',
        paymentId: id, err: error });
    }
  }
}

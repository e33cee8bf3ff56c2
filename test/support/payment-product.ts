import { randomUUID } from 'node:crypto';
import type { Type } from '@nestjs/common';
import { Database } from '../../src/infra/database';
import { PaymentCheck } from '../../src/payment/payment-check';
import type { paymentView } from '../../src/payment/payment.schemas';
import type { z } from 'zod';
import { freePort } from '../../tools/lib/servers.mjs';
import type { Caller, TestClient, WebhookType } from './client';
import { TestProduct } from './product';
import { until } from './until';

type PaymentView = z.infer<typeof paymentView>;

/** What a provider says about a payment; any of it can be made wrong. */
export interface WebhookData {
  orderId: string;
  paymentId: string;
  amount: number;
  currency: string;
}

interface Delivery {
  id?: string;
  signedAt?: Date;
  /** Another body than the one that is sent. */
  signedBody?: string;
}

/** The whole product with its sandbox, and what tests of payments do beyond a client's calls. */
export class PaymentProduct {
  readonly client: TestClient;
  readonly url: string;
  readonly tables: Database;

  private constructor(readonly product: TestProduct) {
    this.client = product.client;
    this.url = product.url;
    this.tables = product.application.get<Database>(Database);
  }

  static async start(environment: Record<string, string> = {}): Promise<PaymentProduct> {
    return new PaymentProduct(await TestProduct.start(
      { DEMO: 'true', PORT: String(await freePort()), ...environment }));
  }

  get<Part>(type: Type<Part> | (abstract new () => Part)): Part {
    return this.product.application.get<Part>(type);
  }

  stop(): Promise<void> {
    return this.product.stop();
  }

  /** A new order of alice, its payment started. */
  async startedPayment(saleId: string): Promise<WebhookData> {
    return this.startPayment((await this.client.order(saleId, 'alice')).id);
  }

  async startPayment(orderId: string): Promise<WebhookData> {
    const { status, body, text } = await this.client.startPayment(orderId, 'alice');
    if (status !== 201) throw new Error(`The payment was not started: ${text}`);
    return { orderId, paymentId: body.paymentId, ...body.amount };
  }

  read(orderId: string, as: Caller = 'alice') {
    return this.client.call<PaymentView>('GET', `/v1/orders/${orderId}/payment`, { as });
  }

  check(orderId: string, as: Caller = 'alice') {
    return this.client.call<PaymentView>('POST', `/v1/orders/${orderId}/payment/check`, { as });
  }

  /** Delivers a webhook as a provider does, or as somebody else would. */
  deliver(type: WebhookType | 'payment.pending', data: object,
    { id = randomUUID(), signedAt, signedBody }: Delivery = {}) {
    const raw = JSON.stringify({ type, data });
    return this.client.call<{ duplicate: boolean }>('POST', '/v1/webhooks/payments',
      { raw, headers: this.client.signature(signedBody ?? raw, id, signedAt) });
  }

  /** Lets the time to pay be over now; whoever looks next ends the order. */
  async letExpire(orderId: string): Promise<void> {
    await this.tables.execute(
      'UPDATE orders SET expires_at = NOW(3) - INTERVAL 1 SECOND WHERE rid = ?', [orderId]);
  }

  /** Makes every payment due for the schedule. */
  async makeDue(): Promise<void> {
    await this.tables.execute(
      'UPDATE payments SET next_check_at = NOW(3) WHERE next_check_at IS NOT NULL');
  }

  /** What the schedule does; rejects when a check fails. */
  checkDue(): Promise<void> {
    return this.get(PaymentCheck).checkDue((_paymentId, error) => { throw error; });
  }

  async statusOf(orderId: string): Promise<string | undefined> {
    const [row] = await this.tables.query<{ status: string }>(
      'SELECT status FROM orders WHERE rid = ?', [orderId]);
    return row?.status;
  }

  async payment(orderId: string) {
    const [row] = await this.tables.query<{ id: string; status: string; reason: string | null;
      replacement_rid: string | null }>('SELECT * FROM payments WHERE order_rid = ?', [orderId]);
    return row;
  }

  /** The payment once its money has gone back: what a delivery leaves undone, the schedule does. */
  refunded(orderId: string) {
    return until('the money has gone back', async () => {
      const payment = await this.payment(orderId);
      return payment?.status === 'refunded' && payment;
    }, 90_000);
  }

  /** Audited actions, in the order of the alphabet. */
  async auditOf(paymentId: string): Promise<string[]> {
    const rows = await this.tables.query<{ action: string }>(
      'SELECT action FROM audit_log WHERE subject_id = ? ORDER BY action', [paymentId]);
    return rows.map(({ action }) => action);
  }

  /** What the provider has sent back, in minor units; undefined where it knows no payment. */
  async refundedAmount(paymentId: string): Promise<number | undefined> {
    const [row] = await this.tables.query<{ amount: number }>(
      'SELECT refunded_amount AS amount FROM sandbox_payments WHERE id = ?', [paymentId]);
    return row?.amount;
  }
}

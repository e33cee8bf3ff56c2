import { Injectable, Logger } from '@nestjs/common';
import { Database, type Transaction } from '../infra/database';
import { TemporarilyUnavailable } from '../kernel';
import type { Cause } from '../order';
import type { Payment } from './payment';
import { PaymentChanges } from './payment-changes';
import type { PaymentStatus } from './payment-status';
import { PaymentSteps } from './payment-steps';
import { PaymentStore } from './payment-store';

/** What a gateway says has happened to the money. */
export type PaymentFact = 'succeeded' | 'failed' | 'refunded';

/** What the gateway says the money is for; the amount in minor units of the currency. */
export interface PaymentClaim {
  orderId?: string;
  amount: number;
  currency: string;
}

/** One thing in which a claim differs from our row. */
export interface Mismatch {
  field: keyof PaymentClaim;
  expected: string | number;
  received: string | number;
}

interface Effect {
  from: readonly PaymentStatus[];
  to: PaymentStatus;
}

/** Where a fact leads, and from where. A status not listed has learned it, or knows better. */
const effects: Readonly<Record<PaymentFact, Effect>> = {
  succeeded: { from: ['started', 'failed'], to: 'received' },
  failed: { from: ['started'], to: 'failed' },
  refunded: { from: ['started', 'failed', 'succeeded', 'applied'], to: 'refunding' },
};

/** A refund must not overtake what the money is about to pay for. */
const unsettled: ReadonlySet<PaymentStatus> = new Set(['received', 'late']);

/** Takes in what a gateway says, by webhook or when asked, once; then does what follows from it. */
@Injectable()
export class PaymentFacts {
  private readonly logger = new Logger('Payment');

  constructor(
    private readonly database: Database,
    private readonly store: PaymentStore,
    private readonly changes: PaymentChanges,
    private readonly steps: PaymentSteps,
  ) {}

  /**
   * Records the fact, and the webhook that brought it in the same transaction; then goes on. Once
   * it is recorded this resolves even if going on fails, because the schedule goes on, too.
   * Resolves to false when that webhook was processed before. Throws TEMPORARILY_UNAVAILABLE when a
   * refund is told of while the money is still on its way to an order.
   */
  async learn(payment: Payment, fact: PaymentFact, cause: Cause,
    webhook?: { id: string; type: string }): Promise<boolean> {
    if (fact === 'refunded') await this.steps.advance(payment.id, cause);
    const { isNew, before } = await this.database.transaction((transaction) =>
      this.record(transaction, payment.id, fact, cause, webhook));
    if (before) {
      this.changes.log(before, effects[fact].to, cause);
      await this.steps.tryAdvance(payment.id, cause);
    }
    return isNew;
  }

  /** What of a claim is not as in our row; it is logged and audited, and must not be acted on. */
  async mismatches(payment: Payment, claim: PaymentClaim, fact: PaymentFact,
    cause: Cause): Promise<Mismatch[]> {
    const mismatches = compare(payment, claim);
    if (mismatches.length === 0) return [];
    this.logger.warn({ msg: 'a gateway speaks of another payment than ours', paymentId: payment.id,
      orderId: payment.orderId, fact, mismatches, action: 'nothing was changed', ...cause });
    await this.database.transaction((transaction) => this.changes.note(transaction,
      'payment.mismatch', payment, cause, { fact, mismatches }));
    return mismatches;
  }

  private async record(transaction: Transaction, id: string, fact: PaymentFact, cause: Cause,
    webhook?: { id: string; type: string }): Promise<{ isNew: boolean; before?: Payment }> {
    if (webhook && !await this.store.rememberWebhook(transaction, webhook, id)) {
      return { isNew: false };
    }
    const payment = await this.store.lock(transaction, id);
    if (fact === 'refunded' && unsettled.has(payment.status)) {
      throw new TemporarilyUnavailable(
        'The payment is being applied to an order. Send this again.', { retryAfterSeconds: 5 });
    }
    const { from, to } = effects[fact];
    if (!from.includes(payment.status)) return { isNew: true };
    await this.changes.makeWithin(transaction, payment, to, cause);
    return { isNew: true, before: payment };
  }
}

function compare(payment: Payment, claim: PaymentClaim): Mismatch[] {
  const { orderId = payment.orderId, amount, currency } = claim;
  const received = { orderId, amount, currency };
  return (['orderId', 'amount', 'currency'] as const)
    .filter((field) => payment[field] !== received[field])
    .map((field) => ({ field, expected: payment[field], received: received[field] }));
}

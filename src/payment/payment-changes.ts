import { Injectable, Logger } from '@nestjs/common';
import { AuditLog } from '../infra/audit';
import { Database, type Transaction } from '../infra/database';
import type { Cause } from '../order';
import type { Payment } from './payment';
import { mayBecome, type PaymentStatus } from './payment-status';
import { PaymentStore, type PaymentChange } from './payment-store';

/** What an operator may have to explain to a buyer later; the rest is in the row. */
const audited: ReadonlySet<PaymentStatus> = new Set(['late', 'applied', 'refunding', 'refunded']);

/** Every change of a payment's status: guarded, audited in the same transaction, logged. */
@Injectable()
export class PaymentChanges {
  private readonly logger = new Logger('Payment');

  constructor(
    private readonly database: Database,
    private readonly store: PaymentStore,
    private readonly audit: AuditLog,
  ) {}

  /** False when somebody else changed the payment first. */
  async make(payment: Payment, to: PaymentStatus, cause: Cause,
    change: PaymentChange = {}): Promise<boolean> {
    const changed = await this.database.transaction((transaction) =>
      this.makeWithin(transaction, payment, to, cause, change));
    if (changed) this.log(payment, to, cause, change);
    return changed;
  }

  /** The same as a part of the caller's transaction; once that has committed, call `log`. */
  async makeWithin(transaction: Transaction, payment: Payment, to: PaymentStatus, cause: Cause,
    change: PaymentChange = {}): Promise<boolean> {
    if (!mayBecome(payment.status, to)) {
      throw new Error(`A payment that is ${payment.status} cannot become ${to}`);
    }
    const changed = await this.store.change(transaction, payment, to, change);
    if (changed && audited.has(to)) {
      const { orderId, replacementOrderId, amount, currency } = payment;
      await this.note(transaction, `payment.${to}`, payment, cause,
        { orderId, replacementOrderId, amount, currency, ...change });
    }
    return changed;
  }

  log(payment: Payment, to: PaymentStatus, cause: Cause, change: PaymentChange = {}): void {
    const { id, orderId, replacementOrderId, amount, currency, status } = payment;
    this.logger.log({ msg: `payment ${to}`, paymentId: id, orderId, replacementOrderId, amount,
      currency, from: status, ...change, ...cause });
  }

  /** An audit row about a payment that does not change. */
  async note(transaction: Transaction, action: string, payment: Payment, cause: Cause,
    detail: Record<string, unknown>): Promise<void> {
    await this.audit.record(transaction, { action, subjectId: payment.id, detail,
      actor: cause.source, ip: cause.ip, traceId: cause.traceId });
  }
}

import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { OrderFollowup, OrderStore, type Cause, type Order } from '../order';
import type { Payment } from './payment';
import { PaymentFacts } from './payment-facts';
import { PaymentGateway } from './payment-gateway';
import { PaymentSteps } from './payment-steps';
import { PaymentStore } from './payment-store';

const dueAtOnce = 100;
const checksAtOnce = 8;

/** Asks instead of waiting to be told: for lost callbacks, and for what is unfinished. */
@Injectable()
export class PaymentCheck implements OnModuleInit {
  private readonly logger = new Logger('PaymentCheck');

  constructor(
    private readonly store: PaymentStore,
    private readonly gateway: PaymentGateway,
    private readonly facts: PaymentFacts,
    private readonly steps: PaymentSteps,
    private readonly orders: OrderStore,
    private readonly followup: OrderFollowup,
  ) {}

  onModuleInit(): void {
    this.followup.onDecided((orders) => { void this.followThaws(orders); });
  }

  /** Does what is owed, then asks the gateway for news. Resolves to the payment as it is then. */
  async check(id: string, cause: Cause): Promise<Payment> {
    // First what we know: it needs no gateway.
    const payment = await this.steps.advance(id, cause);
    if (payment.reference === undefined) return payment;
    const { status, ...claim } = await this.gateway.query(payment.reference);
    if (status === 'open') return payment;
    const mismatches = await this.facts.mismatches(payment, claim, status, cause);
    if (mismatches.length > 0) return payment;
    await this.facts.learn(payment, status, cause);
    return await this.store.find(id) ?? payment;
  }

  /** Checks every payment whose time has come; any number of workers share the work. */
  async checkDue(onFault: (paymentId: string, error: unknown) => void): Promise<void> {
    for (;;) {
      const ids = await this.store.takeDue(dueAtOnce);
      const waiting = [...ids];
      const work = async () => {
        for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
          await this.checkScheduled(id).catch((error: unknown) => { onFault(id, error); });
        }
      };
      await Promise.all(Array.from({ length: checksAtOnce }, work));
      if (ids.length < dueAtOnce) return;
    }
  }

  private async checkScheduled(id: string): Promise<void> {
    const payment = await this.store.find(id);
    if (!payment) return;
    try {
      await this.check(id, { source: 'payment_schedule', ip: '', traceId: payment.traceId });
    } finally {
      // Also where the gateway did not answer: what is asked too rarely is found too late.
      await this.plan(await this.store.find(id) ?? payment);
    }
  }

  /** When it is asked about again, where the order has another time to pay than when it was started. */
  private async plan({ id, orderId, payBefore }: Payment): Promise<void> {
    const order = await this.orders.find(orderId);
    if (order?.status === 'frozen') await this.store.checkSoon(id);
    else if (order?.status === 'pending_payment' && order.expiresAt > payBefore) {
      await this.store.prolong(orderId, order.expiresAt);
    } else await this.store.stopChecks(id);
  }

  /** Nothing here rejects: what is missed is planned with the next check. */
  private async followThaws(orders: readonly Order[]): Promise<void> {
    const thawed = orders.filter(({ status, holds }) => status === 'pending_payment' && holds > 1);
    try {
      for (const { id, expiresAt } of thawed) await this.store.prolong(id, expiresAt);
    } catch (error) {
      this.logger.warn({ msg: 'payments of thawed orders are asked about later', orders: thawed.length,
        err: error });
    }
  }
}

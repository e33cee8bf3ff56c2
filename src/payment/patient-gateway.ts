import { timeout, TimeoutStrategy } from 'cockatiel';
import { TemporarilyUnavailable } from '../kernel';
import { PaymentGateway, type GatewayAnswer, type GatewayPayment } from './payment-gateway';

const patienceMs = 10_000;

/**
 * A provider as everybody else here sees it: it answers in time, or is away for now and may be asked
 * again. One call that never ends would keep the schedule from every other payment.
 */
export class PatientGateway extends PaymentGateway {
  private readonly inTime;

  constructor(private readonly provider: PaymentGateway, waitsMs = patienceMs) {
    super();
    this.inTime = timeout(waitsMs, TimeoutStrategy.Aggressive);
  }

  override start(payment: GatewayPayment) {
    return this.ask(() => this.provider.start(payment));
  }

  override query(reference: string): Promise<GatewayAnswer> {
    return this.ask(() => this.provider.query(reference));
  }

  override refund(reference: string, idempotencyKey: string, amount: number): Promise<void> {
    return this.ask(() => this.provider.refund(reference, idempotencyKey, amount));
  }

  private async ask<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    try {
      return await this.inTime.execute(call);
    } catch (error) {
      throw new TemporarilyUnavailable('The payment provider does not answer. Ask again.',
        { retryAfterSeconds: 5, cause: error });
    }
  }
}

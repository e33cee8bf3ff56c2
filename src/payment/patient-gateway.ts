import { TaskCancelledError, timeout, TimeoutStrategy } from 'cockatiel';
import { Circuit } from '../infra/circuit';
import type { Metrics } from '../infra/metrics';
import { TemporarilyUnavailable } from '../kernel';
import { PaymentGateway, type GatewayAnswer, type GatewayPayment } from './payment-gateway';

const patienceMs = 5_000;

/**
 * A provider as everybody else here sees it: it answers in time, or is away for now and may be asked
 * again. One that is silent is left alone, but for one who finds out: a schedule that waited for each
 * of its payments would come to no others.
 */
export class PatientGateway extends PaymentGateway {
  private readonly circuit = new Circuit((error) => error instanceof TaskCancelledError);
  private readonly inTime;

  constructor(private readonly provider: PaymentGateway, metrics: Metrics, waitsMs = patienceMs) {
    super();
    this.inTime = timeout(waitsMs, TimeoutStrategy.Aggressive);
    metrics.onScrape(async () => {
      metrics.circuitOpen.set({ dependency: 'payments' }, this.circuit.isOpen ? 1 : 0);
    });
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
      return await this.circuit.run(() => this.inTime.execute(call));
    } catch (error) {
      throw new TemporarilyUnavailable('The payment provider does not answer. Ask again.',
        { retryAfterSeconds: 5, cause: error });
    }
  }
}

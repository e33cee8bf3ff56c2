import { Inject, Injectable } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../../config';
import { PaymentGateway, type GatewayAnswer, type GatewayPayment } from '../payment-gateway';
import { SandboxProvider } from './sandbox-provider';

/** The gateway in front of the sandbox: what an adapter of a real provider would do by its API. */
@Injectable()
export class SandboxGateway extends PaymentGateway {
  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly provider: SandboxProvider,
  ) {
    super();
  }

  override async start(payment: GatewayPayment) {
    await this.provider.open(payment);
    const { id } = payment;
    return { reference: id, checkoutUrl: `${this.config.publicUrl}/demo/pay/${id}` };
  }

  override async query(reference: string): Promise<GatewayAnswer> {
    const payment = await this.provider.find(reference);
    if (!payment) throw new Error('The sandbox does not know this payment');
    const { status, amount, currency } = payment;
    return { status, amount, currency };
  }

  override async refund(reference: string, idempotencyKey: string, amount: number): Promise<void> {
    await this.provider.refund(reference, idempotencyKey, amount);
  }
}

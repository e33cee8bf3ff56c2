import { Module } from '@nestjs/common';
import { Metrics } from '../infra/metrics';
import { registerQueue, retriedByNextRun } from '../infra/queue';
import { OrderModule } from '../order';
import { PatientGateway } from './patient-gateway';
import { PaymentChanges } from './payment-changes';
import { PaymentCheck } from './payment-check';
import { PaymentFacts } from './payment-facts';
import { PaymentGateway } from './payment-gateway';
import { PaymentStarter } from './payment-starter';
import { PaymentSteps } from './payment-steps';
import { PaymentStore } from './payment-store';
import { PaymentController } from './payment.controller';
import { PaymentProcessor } from './payment.processor';
import { paymentQueue } from './queue';
import { SandboxController } from './sandbox/sandbox.controller';
import { SandboxGateway } from './sandbox/sandbox-gateway';
import { SandboxProvider } from './sandbox/sandbox-provider';
import { WebhookController } from './webhook.controller';
import { WebhookSignature } from './webhook-signature';

const services = [PaymentChanges, PaymentCheck, PaymentFacts, PaymentStarter, PaymentSteps,
  PaymentStore, SandboxGateway, SandboxProvider, WebhookSignature];
const gateway = { provide: PaymentGateway, inject: [SandboxGateway, Metrics],
  useFactory: (provider: SandboxGateway, metrics: Metrics) => new PatientGateway(provider, metrics) };
const queue = registerQueue(paymentQueue, retriedByNextRun);

@Module({
  imports: [OrderModule, queue],
  providers: [...services, gateway],
  exports: [...services, queue],
})
export class PaymentModule {}

@Module({
  imports: [PaymentModule, OrderModule],
  controllers: [PaymentController, WebhookController],
})
export class PaymentApiModule {}

/** The sandbox's payment page; imported only under DEMO. */
@Module({ imports: [PaymentModule], controllers: [SandboxController] })
export class SandboxPageModule {}

@Module({ imports: [PaymentModule], providers: [PaymentProcessor] })
export class PaymentWorkerModule {}

export { PaymentApiModule, PaymentModule, PaymentWorkerModule, SandboxPageModule }
  from './payment.module';

import { InjectQueue, Processor } from '@nestjs/bullmq';
import { Logger, type OnApplicationBootstrap } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { QueueProcessor, Schedules, workerDefaults } from '../infra/queue';
import { PaymentCheck } from './payment-check';
import { PaymentStore } from './payment-store';
import { paymentQueue } from './queue';
import { SandboxProvider } from './sandbox/sandbox-provider';

const everyMs = 15_000;

/** Finishes what nobody else has, on a schedule, one run at a time over all workers. */
@Processor(paymentQueue, { ...workerDefaults, concurrency: 1 })
export class PaymentProcessor extends QueueProcessor implements OnApplicationBootstrap {
  private readonly logger = new Logger('PaymentSchedule');

  constructor(
    @InjectQueue(paymentQueue) private readonly queue: Queue,
    private readonly schedules: Schedules,
    private readonly check: PaymentCheck,
    private readonly store: PaymentStore,
    private readonly sandbox: SandboxProvider,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    this.schedules.every(this.queue, 'check-payments', everyMs);
  }

  override async process(): Promise<void> {
    await this.sandbox.payLate();
    await this.check.checkDue((paymentId, error) => {
      this.logger.warn({ msg: 'payment not checked, trying again later', paymentId, err: error });
    });
    await this.store.forgetOldWebhooks();
  }
}

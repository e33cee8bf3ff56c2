import { Processor } from '@nestjs/bullmq';
import { Inject } from '@nestjs/common';
import { type Job, UnrecoverableError } from 'bullmq';
import { Webhook } from 'standardwebhooks';
import { APP_CONFIG, type AppConfig } from '../../config';
import { AddressRanges } from '../../kernel';
import { Metrics } from '../metrics';
import { QueueProcessor, workerDefaults } from '../queue';
import { type Delivery, notificationQueue } from './delivery';
import { postWebhook } from './post-webhook';
import { PublicAddresses } from './public-addresses';

const timeoutMs = 10_000;

/** Delivers notifications; a receiver that does not answer keeps only a few of them waiting. */
@Processor(notificationQueue, { ...workerDefaults, concurrency: 8 })
export class NotificationProcessor extends QueueProcessor {
  private readonly addresses: PublicAddresses;

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly metrics: Metrics,
  ) {
    super();
    this.addresses = new PublicAddresses(new AddressRanges(config.notificationNetworks));
  }

  override async process(job: Job<Delivery>): Promise<void> {
    try {
      await this.deliver(job.data);
      this.metrics.notificationsTotal.inc({ result: 'delivered' });
    } catch (error) {
      const isLast = error instanceof UnrecoverableError
        || job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
      this.metrics.notificationsTotal.inc({ result: isLast ? 'dead' : 'failed' });
      throw error;
    }
  }

  /** Signed anew for each attempt (source: the Standard Webhooks specification). */
  private async deliver({ messageId, type, timestamp, data, url }: Delivery): Promise<void> {
    const { notificationUrls, notificationSecret } = this.config;
    if (notificationSecret === undefined || !notificationUrls.includes(url)) {
      throw new UnrecoverableError('The receiver is not in NOTIFICATION_URLS any more');
    }
    const body = JSON.stringify({ type, timestamp, data });
    const now = new Date();
    await postWebhook(new URL(url), {
      'webhook-id': messageId,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': new Webhook(notificationSecret).sign(messageId, now, body),
    }, body, this.addresses, timeoutMs);
  }
}

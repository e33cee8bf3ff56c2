import { createHash } from 'node:crypto';
import { InjectQueue } from '@nestjs/bullmq';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { APP_CONFIG, type AppConfig } from '../../config';
import { inTime } from '../queue';
import { type Delivery, notificationQueue } from './delivery';

export interface Notification {
  /** Receivers know a repetition by it: an id of at most 55 characters, for one event only. */
  id: string;
  /** What happened, such as `risk.case.opened`. */
  type: string;
  /** JSON; no secrets, and nothing of a person that a receiver need not know. */
  data: Readonly<Record<string, unknown>>;
}

/** Tells the receivers of NOTIFICATION_URLS what happened. */
@Injectable()
export class Notifications {
  private readonly logger = new Logger('Notifications');

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    @InjectQueue(notificationQueue) private readonly queue: Queue<Delivery>,
  ) {}

  /**
   * Resolves when the notification is on its way to every receiver. Rejects when the queue does not
   * take it in time: call again with the same id, which doubles nothing that is still on its way.
   */
  async send({ id, type, data }: Notification): Promise<void> {
    const { notificationUrls } = this.config;
    this.logger.log({ msg: 'notification', id, type, receivers: notificationUrls.length });
    const timestamp = new Date().toISOString();
    await inTime(this.queue.addBulk([...new Set(notificationUrls)].map((url) => ({
      name: type,
      data: { messageId: id, type, timestamp, data, url },
      opts: { jobId: `${id}-${nameOf(url)}` },
    }))));
  }
}

/** Eight characters that stand for the receiver, whatever its place in the list. */
function nameOf(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 8);
}

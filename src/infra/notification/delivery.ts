import type { JobPolicy } from '../queue';

/** The queue whose jobs are deliveries; those that failed for good are the dead letters. */
export const notificationQueue = 'notifications';

/** One notification on its way to one receiver. */
export interface Delivery {
  /** The `webhook-id`: the same on every attempt and for every receiver. */
  readonly messageId: string;
  readonly type: string;
  /** When it happened, ISO 8601. */
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** May carry a secret in its path: never log or show it. */
  readonly url: string;
}

/** Attempts at 0, 5, 15, 35, 75, 155, 315 and 635 s; then it is a dead letter, kept for 30 days. */
export const deliveryPolicy: JobPolicy = {
  attempts: 8,
  backoff: { type: 'exponential', delay: 5_000 },
  removeOnComplete: true,
  removeOnFail: { age: 30 * 24 * 3600, count: 1_000 },
};

import { BullModule } from '@nestjs/bullmq';
import type { DynamicModule } from '@nestjs/common';
import type { JobsOptions, RedisOptions, WorkerOptions } from 'bullmq';
import { APP_CONFIG, type AppConfig } from '../../config';
import { RedisConnections } from '../redis';
import { ReportingQueue, ReportingWorker } from './reporting';

BullModule.queueClass = ReportingQueue;
BullModule.workerClass = ReportingWorker;

/** Longer than a worker's blocking read: a server that says nothing for so long is gone. */
const silenceMs = 15_000;
/** Waits for Redis as long as it takes. */
const patient = { maxRetriesPerRequest: null, socketTimeout: silenceMs };

/** How often a job is tried and what is kept of it; every queue says it, none inherits a default. */
export type JobPolicy = Required<
  Pick<JobsOptions, 'attempts' | 'backoff' | 'removeOnComplete' | 'removeOnFail'>>;

/**
 * For work that a sweep finds again: a few tries, then some are kept for a look and the rest is left
 * to the sweep. A batch of orders weighs 100 KiB and more, so those that failed stay few.
 */
export const retriedBySweep: JobPolicy = {
  attempts: 8,
  backoff: { type: 'exponential', delay: 100 },
  removeOnComplete: true,
  removeOnFail: { age: 24 * 3600, count: 100 },
};

/** For jobs that come again on a schedule: the next one is the retry. */
export const retriedByNextRun: JobPolicy = {
  attempts: 1,
  backoff: { type: 'fixed', delay: 1_000 },
  removeOnComplete: true,
  removeOnFail: { age: 24 * 3600, count: 100 },
};

/**
 * Options for `@Processor(name, …)`. A worker that vanished is noticed after the lock has run out;
 * a job is handed on often before it is given up, since a crash of its worker is not its fault.
 */
export const workerDefaults = {
  lockDuration: 15_000,
  stalledInterval: 5_000,
  maxStalledCount: 20,
  // Counts finished jobs in Redis, for `QueueProgress`; their history by the minute is not read.
  metrics: { maxDataPoints: 1 },
} satisfies Partial<WorkerOptions>;

/**
 * How long a worker rests after what its job needs was away, in milliseconds: then the job is tried
 * again, as often as it takes, and none of its attempts is spent.
 */
export const outageRestMs = 1_000;

/** A queue of this installation, all its keys in one Cluster slot. Inject it by `@InjectQueue(name)`. */
export function registerQueue(name: string, defaultJobOptions: JobPolicy): DynamicModule {
  return BullModule.registerQueueAsync({
    name,
    inject: [APP_CONFIG, RedisConnections],
    useFactory: (config: AppConfig, connections: RedisConnections) => ({
      prefix: `{${config.redisNamespace}-${name}}`,
      connection: connections.forQueues(patient) ?? {
        ...connections.server, ...patient, retryStrategy: connections.retryStrategy,
      } satisfies RedisOptions,
      defaultJobOptions,
    }),
  });
}

export { inTime } from './in-time';
export { QueueModule } from './queue.module';
export { QueueProcessor } from './queue-processor';
export { QueueProgress } from './queue-progress';
export { Queues } from './queues';
export {
  outageRestMs, registerQueue, retriedByNextRun, retriedBySweep, workerDefaults, type JobPolicy,
} from './register-queue';
export { Schedules } from './schedules';

export { inTime } from './in-time';
export { QueueModule } from './queue.module';
export { Queues } from './queues';
export { registerQueue, retriedByNextRun, retriedBySweep, workerDefaults, type JobPolicy }
  from './register-queue';
export { Schedules } from './schedules';

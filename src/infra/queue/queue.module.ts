import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { QueueProgress } from './queue-progress';
import { Queues } from './queues';
import { Schedules } from './schedules';

@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [QueueProgress, Queues, Schedules],
  exports: [QueueProgress, Queues, Schedules],
})
export class QueueModule {}

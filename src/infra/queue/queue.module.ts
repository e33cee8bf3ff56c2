import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Queues } from './queues';
import { Schedules } from './schedules';

@Global()
@Module({ imports: [DiscoveryModule], providers: [Queues, Schedules], exports: [Queues, Schedules] })
export class QueueModule {}

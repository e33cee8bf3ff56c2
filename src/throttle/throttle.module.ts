import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { APP_CONFIG, type AppConfig } from '../config';
import { CallerThrottleGuard } from './caller-throttle.guard';
import { Lots } from './lots';
import { SlidingWindowStorage } from './sliding-window-storage';
import { Throttle } from './throttle';

@Module({ providers: [SlidingWindowStorage], exports: [SlidingWindowStorage] })
class StorageModule {}

/** Needs the database, for the secret of the installation; how often one may ask needs none. */
@Module({ providers: [Lots], exports: [Lots] })
export class LotsModule {}

/** The windows of one address are what the library's own guard goes by; ours know them all. */
@Module({
  imports: [
    StorageModule,
    ThrottlerModule.forRootAsync({
      imports: [StorageModule],
      inject: [APP_CONFIG, SlidingWindowStorage],
      useFactory: (config: AppConfig, storage: SlidingWindowStorage) => ({
        storage,
        throttlers: config.throttleIp.map(({ limit, windowSeconds }) => (
          { name: `${windowSeconds}s`, limit, ttl: windowSeconds * 1_000 })),
      }),
    }),
  ],
  // After the guard of src/auth, which stands before every route, too: it knows who is calling.
  providers: [Throttle, { provide: APP_GUARD, useClass: CallerThrottleGuard }],
  exports: [Throttle],
})
export class ThrottleModule {}

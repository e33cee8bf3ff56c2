import { Module } from '@nestjs/common';
import { ThrottlerModule } from '@nestjs/throttler';
import { APP_CONFIG, type AppConfig } from '../config';
import { SlidingWindowStorage } from './sliding-window-storage';
import { Throttle } from './throttle';

@Module({ providers: [SlidingWindowStorage], exports: [SlidingWindowStorage] })
class StorageModule {}

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
  providers: [Throttle],
  exports: [Throttle],
})
export class ThrottleModule {}

import { Global, Module } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../../config';
import { Database } from './database';

/** Gives every module the `Database`; it is connected before anything else starts. */
@Global()
@Module({
  providers: [{
    provide: Database,
    inject: [APP_CONFIG],
    useFactory: (config: AppConfig) => Database.connect(config),
  }],
  exports: [Database],
})
export class DatabaseModule {}

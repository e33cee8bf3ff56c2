import { Global, Module } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '../../config';
import { Database } from './database';
import { InstallationSecrets } from './installation-secrets';

/** Gives every module the `Database`, connected before anything else starts, and its secrets. */
@Global()
@Module({
  providers: [{
    provide: Database,
    inject: [APP_CONFIG],
    useFactory: (config: AppConfig) => Database.connect(config),
  }, InstallationSecrets],
  exports: [Database, InstallationSecrets],
})
export class DatabaseModule {}

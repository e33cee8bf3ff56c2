import { type DynamicModule, Module } from '@nestjs/common';
import { type AppConfig, ConfigModule } from './config';
import { DatabaseModule } from './infra/database';
import { HealthModule } from './infra/health';
import { DocsModule } from './infra/http';
import { MetricsModule } from './infra/metrics';
import { QueueModule } from './infra/queue';
import { RedisModule } from './infra/redis';

type Modules = NonNullable<DynamicModule['imports']>;

/** What every role needs. */
const shared: Modules = [DatabaseModule, RedisModule, QueueModule, HealthModule, DocsModule];

/** The one place that wires modules to roles. */
@Module({})
export class AppModule {
  static forConfig(config: AppConfig): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forConfig(config),
        MetricsModule.forApplication(),
        ...shared,
      ],
    };
  }
}

import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModule, DemoLoginModule } from './auth';
import { CaptchaApiModule } from './captcha';
import { type AppConfig, ConfigModule } from './config';
import { DemoShopModule } from './demo';
import { AuditApiModule, AuditModule } from './infra/audit';
import { DatabaseModule } from './infra/database';
import { HealthModule } from './infra/health';
import { DocsModule } from './infra/http';
import { MetricsModule } from './infra/metrics';
import { NotificationApiModule, NotificationModule, NotificationWorkerModule }
  from './infra/notification';
import { QueueModule } from './infra/queue';
import { RedisModule } from './infra/redis';
import { OrderApiModule, OrderModule, OrderWorkerModule } from './order';
import { PaymentApiModule, PaymentModule, PaymentWorkerModule, SandboxPageModule } from './payment';
import { PurchaseApiModule } from './purchase';
import { ReconciliationApiModule, ReconciliationModule, ReconciliationWorkerModule }
  from './reconciliation';
import { RiskApiModule, RiskModule, RiskWorkerModule } from './risk';
import { SaleApiModule, SaleModule, SaleWorkerModule } from './sale';
import { StockApiModule, StockModule } from './stock';
import { TccApiModule } from './tcc';

type Modules = NonNullable<DynamicModule['imports']>;

/** What every process needs, whatever its role: also a worker shows its health and its metrics. */
const shared: Modules = [
  DatabaseModule, RedisModule, QueueModule, AuditModule, NotificationModule, HealthModule, DocsModule,
  AuthModule, SaleModule, StockModule, OrderModule, PaymentModule, RiskModule,
  ReconciliationModule,
];

/** What answers requests. */
const api: Modules = [AuditApiModule, NotificationApiModule, SaleApiModule, StockApiModule,
  OrderApiModule, CaptchaApiModule, RiskApiModule, PurchaseApiModule, PaymentApiModule,
  ReconciliationApiModule, TccApiModule];

/** What works off queues and timers. */
const worker: Modules = [NotificationWorkerModule, SaleWorkerModule, OrderWorkerModule,
  PaymentWorkerModule, RiskWorkerModule, ReconciliationWorkerModule];

/** The one place that wires modules to roles. */
@Module({})
export class AppModule {
  static forConfig(config: AppConfig): DynamicModule {
    const isApi = config.roles.includes('api');
    return {
      module: AppModule,
      imports: [
        ConfigModule.forConfig(config),
        MetricsModule.forApplication(),
        ...shared,
        ...(isApi ? api : []),
        ...(isApi && config.demo ? [DemoLoginModule, DemoShopModule, SandboxPageModule] : []),
        ...(config.roles.includes('worker') ? worker : []),
      ],
    };
  }
}

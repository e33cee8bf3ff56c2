import { Global, Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AuthModule, mintToken, type Role } from '../../src/auth';
import { type AppConfig, ConfigModule } from '../../src/config';
import { AuditApiModule, AuditModule } from '../../src/infra/audit';
import { DatabaseModule } from '../../src/infra/database';
import { createHttpApplication } from '../../src/infra/http';
import { createLogger, StructuredLogger } from '../../src/infra/logging';
import { RedisModule } from '../../src/infra/redis';
import { SaleApiModule, SaleGate } from '../../src/sale';

/** Stands for the stock module: remembers what it is told, and can be away, slow or silent. */
export class TestGate extends SaleGate {
  /** Undefined: it does not know. */
  readonly counts = new Map<string, number | undefined>();
  readonly told = new Map<string, 'open' | 'paused' | 'closed'>();
  reads = 0;
  behaviour: () => Promise<void> = async () => undefined;

  override async prepare(): Promise<void> {}

  override async available(
    saleIds: readonly string[]): Promise<ReadonlyMap<string, number | undefined>> {
    this.reads += 1;
    await this.behaviour();
    return new Map([...this.counts].filter(([id]) => saleIds.includes(id)));
  }

  override async states(saleIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    await this.behaviour();
    return new Map([...this.told].filter(([id]) => saleIds.includes(id)));
  }

  override async apply(saleId: string, state: 'open' | 'paused' | 'closed'): Promise<void> {
    await this.behaviour();
    this.told.set(saleId, state);
  }
}

@Global()
@Module({
  providers: [TestGate, { provide: SaleGate, useExisting: TestGate }],
  exports: [TestGate, SaleGate],
})
class TestGateModule {}

@Module({})
class SaleApplicationModule {}

/** The sale module as a running application on real servers, without the modules that need it. */
export async function startSaleApplication(config: AppConfig) {
  const application = await createHttpApplication({
    module: SaleApplicationModule,
    imports: [
      ConfigModule.forConfig(config), DatabaseModule, RedisModule, AuthModule, AuditModule,
      AuditApiModule, TestGateModule, SaleApiModule,
    ],
  }, config, new StructuredLogger(createLogger(config.logLevel)));
  await application.init();
  return { application, gate: application.get(TestGate), call: caller(application, config) };
}

/** Calls routes as a user; `body` is the JSON of the answer, undefined when it has none. */
function caller(application: NestFastifyApplication, config: AppConfig) {
  return async (method: 'GET' | 'POST', url: string, options: {
    payload?: object; role?: Role; anonymous?: boolean; headers?: Record<string, string>;
  } = {}) => {
    const { payload, role = 'admin', anonymous = false, headers = {} } = options;
    const token = mintToken(config, { userId: `the-${role}`, roles: [role] });
    const answer = await application.inject({
      method, url, payload,
      headers: { ...(!anonymous && { authorization: `Bearer ${token}` }), ...headers },
    });
    return {
      status: answer.statusCode, headers: answer.headers, text: answer.payload,
      body: (answer.payload === '' ? undefined : answer.json()) as Record<string, unknown>,
    };
  };
}

/** The body of a sale that is open now, with changes. */
export function saleBody(productId: unknown, changes: object = {}) {
  const at = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString();
  return {
    productId, stock: 10, price: { amount: 9900, currency: 'EUR' }, limitPerUser: 2,
    opensAt: at(-1_000), closesAt: at(3_600_000), ...changes,
  };
}

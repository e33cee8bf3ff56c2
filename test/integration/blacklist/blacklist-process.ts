import { Module, type Abstract, type Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AuthModule } from '../../../src/auth';
import { ConfigModule } from '../../../src/config';
import { AuditApiModule, AuditModule } from '../../../src/infra/audit';
import { Database, DatabaseModule, type Transaction } from '../../../src/infra/database';
import { createHttpApplication } from '../../../src/infra/http';
import { createLogger, StructuredLogger } from '../../../src/infra/logging';
import { RedisModule } from '../../../src/infra/redis';
import { Blacklist, BlacklistAdministration } from '../../../src/risk';
import { BlacklistApiModule } from '../../../src/risk/blacklist';
import { TestClient } from '../../support/client';
import type { Installation } from '../../support/product';
import { testConfig } from '../../support/stack';

@Module({})
class BlacklistApplicationModule {}

/** A process of the product with the blacklist alone, listening, on real servers. */
export class BlacklistProcess {
  readonly administration: BlacklistAdministration;
  readonly database: Database;

  private constructor(
    private readonly application: NestFastifyApplication,
    readonly client: TestClient,
  ) {
    this.administration = application.get(BlacklistAdministration);
    this.database = application.get(Database);
  }

  static async start({ environment }: Installation,
    changes: Record<string, string> = {}): Promise<BlacklistProcess> {
    const config = testConfig({ ...environment, ...changes });
    const application = await createHttpApplication({
      module: BlacklistApplicationModule,
      imports: [
        ConfigModule.forConfig(config), DatabaseModule, RedisModule, AuthModule, AuditModule,
        AuditApiModule, BlacklistApiModule,
      ],
    }, config, new StructuredLogger(createLogger(config.logLevel)));
    await application.listen(0, '127.0.0.1');
    return new BlacklistProcess(application, new TestClient(await application.getUrl(), config));
  }

  get<Part>(type: Type<Part> | Abstract<Part>): Part {
    return this.application.get<Part>(type);
  }

  /** Whether this process would exclude that user, by what it has in memory. */
  excludes(userId: string, ip = '198.51.100.1', deviceId?: string): boolean {
    return this.get(Blacklist).find({ userId, ip, deviceId }) !== undefined;
  }

  /** Puts users on the list in one transaction without a word to any process. */
  excludeInSilence(...users: string[]): Promise<void> {
    return this.database.transaction(async (transaction) => {
      for (const user of users) await this.exclude(transaction, user);
    });
  }

  exclude(transaction: Transaction, user: string): Promise<void> {
    return this.administration.exclude(transaction,
      { kind: 'user', value: user, reason: 'test' }, origin);
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.application.close();
  }
}

export const origin = { actor: 'risk', ip: '', traceId: 'a'.repeat(32) };

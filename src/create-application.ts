import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module';
import type { AppConfig } from './config';
import { createHttpApplication } from './infra/http';
import { createLogger, StructuredLogger } from './infra/logging';

/**
 * The product with the roles of this configuration, connected to its servers but not yet listening:
 * `await application.listen(port, host)` begins, `await application.close()` ends it in order.
 * Several may live in one process.
 */
export function createApplication(config: AppConfig): Promise<NestFastifyApplication> {
  const logger = new StructuredLogger(createLogger(config.logLevel));
  return createHttpApplication(AppModule.forConfig(config), config, logger);
}

import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type AppConfig, ConfigError, loadConfig, loadEnvironment } from './config';
import { createApplication } from './create-application';
import { Lifecycle } from './infra/health';

/** Closing may take this long; what is not finished by then is found again by the next process. */
const closeTimeoutMs = 25_000;

const logger = new Logger('Main');

/** Boots the roles named in ROLES and nothing else. */
async function main(): Promise<void> {
  const config = readConfig();
  if (process.send) process.on('disconnect', endUnstarted);
  const application = await createApplication(config);
  await application.listen(config.port, config.host);
  process.off('disconnect', endUnstarted);
  stopOnRequest(application, config);
  const url = await application.getUrl();
  logger.log({ msg: 'ready', url, roles: config.roles });
  process.send?.({ type: 'ready', url });
}

/** Nobody would stop a process whose parent goes while it starts. */
function endUnstarted(): never {
  fail('parent is gone before the start was over', {});
}

function readConfig(): AppConfig {
  loadEnvironment();
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** Not ready first, so that balancers look away; then requests drain; then queues and workers. */
function stopOnRequest(application: NestFastifyApplication, config: AppConfig): void {
  let stopping = false;
  const stop = async (reason: string) => {
    if (stopping) return;
    stopping = true;
    logger.log({ msg: 'stopping', reason });
    application.get(Lifecycle).beginStopping();
    await sleep(config.drainSeconds * 1_000);
    setTimeout(() => fail('closing took too long', { closeTimeoutMs }), closeTimeoutMs).unref();
    await application.close();
    logger.log({ msg: 'stopped' });
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  // A parent that is gone cannot stop us any more, and would leave us behind.
  if (process.send) process.on('disconnect', () => void stop('parent is gone'));
}

function fail(msg: string, fields: object): never {
  logger.fatal({ msg, ...fields });
  process.exit(1);
}

process.on('unhandledRejection', (error) => fail('unhandled rejection', { err: error }));
process.on('uncaughtException', (error) => fail('uncaught exception', { err: error }));

main().catch((error: unknown) => fail('start failed', { err: error }));

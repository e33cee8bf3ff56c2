import cluster from 'node:cluster';
import { Logger } from '@nestjs/common';
import { type AppConfig, ConfigError, loadConfig, readEnvironment } from './config';
import { createLogger, StructuredLogger } from './infra/logging';
import { fail, onStopRequest, Primary, StartFailure } from './infra/processes';

const logger = new Logger('Main');

/** Boots the roles named in ROLES, in as many processes as PROCESSES says, and nothing else. */
async function main(): Promise<void> {
  const config = readConfig();
  if (process.send) process.on('disconnect', endUnstarted);
  const isPrimary = config.processes > 1 && cluster.isPrimary;
  const url = await (isPrimary ? startPrimary(config) : startRoles(config));
  process.off('disconnect', endUnstarted);
  process.send?.({ type: 'ready', url });
}

/** Nobody would stop a process whose parent goes while it starts. */
function endUnstarted(): never {
  fail('parent is gone before the start was over', {});
}

function readConfig(): AppConfig {
  try {
    return loadConfig(readEnvironment());
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

async function startRoles(config: AppConfig): Promise<string> {
  // Only here: a primary would hold the whole product in memory and do nothing with it.
  const roles = await import('./start-roles.js');
  return roles.startRoles(config);
}

async function startPrimary({ processes, roles, drainSeconds, logLevel }: AppConfig):
Promise<string> {
  Logger.overrideLogger(new StructuredLogger(createLogger(logLevel)));
  const primary = new Primary(processes, drainSeconds);
  const url = await primary.start().catch((error: unknown) => {
    if (!(error instanceof StartFailure)) throw error;
    logger.fatal({ msg: 'a process did not start', ...error.ending });
    process.exit(error.ending.code ?? 1);
  });
  onStopRequest(async () => {
    const isClean = await primary.stop();
    logger.log({ msg: 'stopped' });
    process.exit(isClean ? 0 : 1);
  });
  process.on('SIGHUP', () => void primary.reload());
  logger.log({ msg: 'ready', url, roles, processes });
  return url;
}

process.on('unhandledRejection', (error) => fail('unhandled rejection', { err: error }));
process.on('uncaughtException', (error) => fail('uncaught exception', { err: error }));

main().catch((error: unknown) => fail('start failed', { err: error }));

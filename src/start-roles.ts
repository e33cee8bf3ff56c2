import cluster, { type Worker } from 'node:cluster';
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AppConfig } from './config';
import { createApplication } from './create-application';
import { Lifecycle } from './infra/health';
import { Scrapes } from './infra/metrics';
import { closeTimeoutMs, fail, onStopRequest, watchShutdown, type ToChild } from './infra/processes';

const logger = new Logger('Main');

/** Starts the roles of this process, alone or as one of several; resolves to its URL. */
export async function startRoles(config: AppConfig): Promise<string> {
  if (cluster.worker) becomeChild(cluster.worker);
  const application = await createApplication(config);
  await application.listen(config.port, config.host);
  const stop = onStopRequest(() => close(application, config));
  if (cluster.worker) onRetirement(() => {
    leavePort(application.getHttpServer());
    stop('another process takes over');
  });
  const url = await application.getUrl();
  logger.log({ msg: cluster.isWorker ? 'process ready' : 'ready', url, roles: config.roles });
  return url;
}

/** Not ready first, so that balancers look away; then requests drain; then queues and workers. */
async function close(application: NestFastifyApplication, config: AppConfig): Promise<void> {
  application.get(Lifecycle).beginStopping();
  await sleep(config.drainSeconds * 1_000);
  const openSteps = watchShutdown(application);
  setTimeout(() => fail('closing took too long', { closeTimeoutMs, waitsFor: openSteps() }),
    closeTimeoutMs).unref();
  await application.close();
  await application.get(Scrapes).bequeath();
  logger.log({ msg: 'stopped' });
  process.exit(0);
}

function becomeChild(worker: Worker): void {
  // Node would end a child whose primary is gone at once, in the middle of its requests.
  worker.exitedAfterDisconnect = true;
  // A terminal that closes sends it to all; what it means is up to the primary.
  process.on('SIGHUP', () => undefined);
}

function onRetirement(retire: () => void): void {
  process.on('message', (message: ToChild) => {
    if (message.type === 'retire') retire();
  });
}

/** New connections go to the other processes at once, those that are open after their next answer. */
function leavePort(server: HttpServer): void {
  // Not the close of an HTTP server: it cuts connections at rest, with a request on its way to us.
  Server.prototype.close.call(server);
  server.prependListener('request', (_: IncomingMessage, response: ServerResponse) => {
    response.setHeader('Connection', 'close');
  });
}

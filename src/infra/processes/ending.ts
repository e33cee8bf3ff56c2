import { Logger } from '@nestjs/common';

/** Closing may take this long; what is not finished by then is found again by the next process. */
export const closeTimeoutMs = 25_000;

const logger = new Logger('Main');

/** Ends this process at once, with exit code 1. */
export function fail(msg: string, fields: object): never {
  logger.fatal({ msg, ...fields });
  process.exit(1);
}

/** Stops once, by signal or when the parent is gone; answers what else may ask for it. */
export function onStopRequest(stop: () => Promise<void>): (reason: string) => void {
  let isStopping = false;
  const stopOnce = (reason: string) => {
    if (isStopping) return;
    isStopping = true;
    logger.log({ msg: 'stopping', reason });
    void stop();
  };
  process.on('SIGTERM', () => { stopOnce('SIGTERM'); });
  process.on('SIGINT', () => { stopOnce('SIGINT'); });
  // A parent that is gone cannot stop us any more, and would leave us behind.
  if (process.send) process.on('disconnect', () => { stopOnce('parent is gone'); });
  return stopOnce;
}

import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { DatabaseError, isUnavailable } from './database-error';

const patienceMs = 30_000;
const pauseMs = 500;

/**
 * Connects to a server that may still be starting: tries for 30 s. Throws an Error that says what
 * to check, at once when the server is there and refuses.
 */
export async function untilAvailable<Result>(connect: () => Promise<Result>): Promise<Result> {
  const giveUpAt = performance.now() + patienceMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await connect();
    } catch (failure) {
      const error = DatabaseError.from(failure);
      if (!isUnavailable(error)) throw new Error(refusal(error), { cause: error });
      if (performance.now() + pauseMs > giveUpAt) throw new Error(silence(error), { cause: error });
      if (attempt === 1) new Logger('Database').warn(`waiting for the database (${error.code})`);
      await sleep(pauseMs);
    }
  }
}

function refusal({ message }: DatabaseError): string {
  return `The database refuses this program: ${message}. `
    + 'Check DATABASE_URL; "npm run migrate" creates a database that is missing.';
}

function silence({ code }: DatabaseError): string {
  return `The database did not answer for ${patienceMs / 1000} s (${code}). `
    + 'Check that it runs and that DATABASE_URL names its host and port.';
}

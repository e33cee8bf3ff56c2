import { DatabaseError } from './database-error';

const patienceSeconds = 30;

/**
 * Waits for the answer to a statement that may take `expectedSeconds`, and gives up 30 s later
 * with a `DatabaseError`: a server that hangs must not hold its callers. The connection of a
 * statement that was given up is still busy and must be closed.
 *
 * The driver's own time-out is not used because it outlives a connection that broke.
 */
export async function answerOf<Answer>(
  statement: Promise<Answer>,
  expectedSeconds = 0,
): Promise<Answer> {
  const limitSeconds = expectedSeconds + patienceSeconds;
  const silence = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    silence.reject(new DatabaseError(`no answer within ${limitSeconds} s`, 'STATEMENT_TIMEOUT'));
  }, limitSeconds * 1000);
  try {
    return await Promise.race([statement, silence.promise]);
  } finally {
    clearTimeout(timer);
  }
}

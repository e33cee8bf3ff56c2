/** Longer than a restart of Redis takes, in milliseconds. */
const patienceMs = 5_000;

/**
 * What a queue was asked, for callers who wait for the answer: the connection of a queue waits for
 * Redis as long as it is away. Rejects after 5 s with what becomes 503; the queue may still do late
 * what it was asked.
 */
export async function inTime<Result>(asked: Promise<Result>): Promise<Result> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`Command timed out: the queue did not answer within ${patienceMs} ms`));
  }, patienceMs);
  try {
    return await Promise.race([asked, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

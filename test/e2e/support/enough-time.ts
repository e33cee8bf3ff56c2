import type { TestClient } from '../../support/client';

/** Where nothing stands still, the first is enough. */
const timesSeconds = [2, 8, 30];

/**
 * For what must be seen before its time is over, such as a sale that has not opened yet: the
 * attempt is told how many seconds to plan for, and resolves to undefined when the machine has
 * stood still for longer. Then it is repeated with more time.
 */
export async function withEnoughTime<Result>(what: string,
  attempt: (seconds: number) => Promise<Result | undefined>): Promise<Result> {
  for (const seconds of timesSeconds) {
    const result = await attempt(seconds);
    if (result !== undefined) return result;
  }
  throw new Error(`Not seen in any of ${timesSeconds.join(', ')} s: ${what}`);
}

/** A sale that closes in so many seconds; undefined when it was over before it was made. */
export async function openShortSale(client: TestClient,
  seconds: number): Promise<string | undefined> {
  const at = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString();
  try {
    return await client.openSale({ opensAt: at(-600_000), closesAt: at(seconds * 1_000) });
  } catch (error) {
    if (String(error).includes('must close in the future')) return undefined;
    throw error;
  }
}

import { setTimeout as sleep } from 'node:timers/promises';

type Falsy = undefined | null | false | 0 | '';

/**
 * Asks until there is an answer; throws what was waited for when there is none in time. The time is
 * that of a machine which is busy with other tests: what goes well is over long before.
 */
export async function until<Value>(what: string, probe: () => Promise<Value | Falsy>,
  timeoutMs = 45_000): Promise<Value> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await sleep(20);
  }
}

import fc from 'fast-check';
import type { ThrottleWindow } from '../../../src/config';
import { ThrottledProcess } from './throttled-process';

const second = 1_000_000;

const windows = fc.uniqueArray(fc.record({
  limit: fc.integer({ min: 1, max: 6 }), windowSeconds: fc.integer({ min: 1, max: 20 }),
}), { minLength: 1, maxLength: 3 });

/** Microseconds that pass before each request: bursts, any gap, and gaps hardly below a window. */
const gaps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 25 * second }),
  fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 20_000 }))
    .map(([seconds, less]) => seconds * second - less)), { maxLength: 30 });

describe('a sliding window', () => {
  let server: ThrottledProcess;
  let ids = 0;

  beforeAll(async () => { server = (await ThrottledProcess.start()).letStoreBeSlow(); });
  afterAll(() => server.stop());

  /**
   * Sends requests with these gaps. When each was let through, in microseconds, as if the gaps had
   * really passed. Fails when one is refused though it need not be, or for too long.
   */
  async function admittedAt(limits: readonly ThrottleWindow[], pauses: readonly number[]) {
    const id = `id${ids += 1}`;
    const scriptArguments = [limits.length,
      ...limits.flatMap(({ limit, windowSeconds }) => [limit, windowSeconds])];
    const admitted: number[] = [];
    let passed = 0;
    for (const pause of pauses) {
      await server.age(pause, id);
      passed += pause;
      const before = await server.nowMicroseconds();
      const [refused] = await server.storage.take([{ key: server.redis.key('throttle', id),
        scriptArguments }]);
      if (refused === undefined) {
        const [at = NaN] = await server.log(id);
        admitted.push(at + passed);
        continue;
      }
      const { limit = NaN, windowSeconds = NaN } = limits[refused.window] ?? {};
      const full = (admitted.at(-limit) ?? NaN) - passed + windowSeconds * second;
      const asked = full - Math.round(refused.waitMs * 1_000);
      expect(asked).toBeGreaterThanOrEqual(before);
      expect(asked).toBeLessThanOrEqual(await server.nowMicroseconds());
    }
    return admitted;
  }

  it('lets n through in any window of its length, at every offset, and refuses no other request',
    async () => {
      await fc.assert(fc.asyncProperty(windows, gaps, async (limits, pauses) => {
        const admitted = await admittedAt(limits, pauses);
        for (const { limit, windowSeconds } of limits) {
          // A window begins anywhere: n+1 requests within it would lie closer than its length.
          for (const [i, at] of admitted.entries()) {
            const next = admitted[i + limit] ?? Infinity;
            expect(next - at).toBeGreaterThanOrEqual(windowSeconds * second);
          }
        }
      }), { numRuns: 60 });
    });

  it('lets through at the border of two clock seconds no more than within one', async () => {
    // 5 shortly before the border and 5 behind it would pass two fixed windows; a weighted estimate
    // lets some pass. What a stall adds to the pauses is little beside a window of 100 s.
    const [fifth, rest] = [20 * second, 80 * second];
    const admitted = await admittedAt([{ limit: 5, windowSeconds: 100 }],
      [0, 0, 0, 0, 0, fifth, 0, 0, 0, 0, rest, 0, 0, 0, 0]);
    expect(admitted).toHaveLength(10);
  });
});

import type { RedisConnections } from './redis-connections';
import { ServerClock } from './server-clock';

const serverStartMs = 1_800_000_000_000;

describe('the clock of the server', () => {
  /** How long the way there takes, and the way back, in milliseconds. */
  let ways: [number, number];
  let clock: ServerClock;
  let isOffBy: () => number;

  beforeEach(() => {
    jest.useFakeTimers();
    ways = [0, 0];
    const begunAtMs = performance.now();
    const time = async () => {
      const [there, back] = ways;
      await jest.advanceTimersByTimeAsync(there);
      const serverMs = serverStartMs + performance.now() - begunAtMs;
      await jest.advanceTimersByTimeAsync(back);
      return [Math.floor(serverMs / 1_000), Math.round(serverMs % 1_000 * 1_000)];
    };
    clock = new ServerClock({ general: { time } } as unknown as RedisConnections);
    isOffBy = () => clock.now() - (serverStartMs + performance.now() - begunAtMs);
  });

  afterEach(() => { jest.useRealTimers(); });

  const look = async (there: number, back: number) => {
    ways = [there, back];
    await clock.refresh();
    return isOffBy();
  };

  it('is off by half of the difference of the ways at most', async () => {
    expect(await look(10, 10)).toBe(0);
    expect(await look(90, 0)).toBe(45);
  });

  it('is followed from the first answer on, however late that is', async () => {
    expect(await look(0, 2_000)).toBe(-1_000);
  });

  it('is not moved by an answer that came late: when in that time it was given, nobody knows',
    async () => {
      await look(10, 10);
      expect(await look(4_000, 0)).toBe(0);
    });

  it('is followed by late answers, too, when no others come any more', async () => {
    await look(10, 10);
    expect(await look(0, 150)).toBe(0);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(await look(0, 150)).toBe(-75);
  });
});
